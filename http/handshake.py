"""The WebSocket handshake as a decision: who asks, or why not.

Every check runs before the 101 and answers a problem document, so that a
client that may not come in learns why over HTTP.

Source: docs/protocol.md, "Handshake".
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol
from urllib.parse import parse_qs

from ..domain.ids import UserId
from ..domain.quota import Policy, Taken
from .extensions import agreed
from .problems import Problem
from .quotas import beyond

PATH = "/ws"
VERSION = "13"
SUBPROTOCOL = "touchline.v1"
TICKET = "ticket."  #: a subprotocol entry that carries the token, for clients that can set one

#: Handshakes a second, and at once. With its signature, the telling of presence and the first
#: snapshots one costs 1 to 2 ms of CPU: a storm of reconnects may take half a core.
HANDSHAKES_PER_S = 250.0
HANDSHAKE_BURST = 250.0
RETRY_S = (1, 8)  #: a client that finds no room is asked to come back within this
MAX_FIELDS = 8  #: of the query: one is needed, and a proxy or two may add theirs

#: The request's variables, as WSGI gives them.
Environ = Mapping[str, object]


class Seat(Protocol):
    """A connection's place in the hub, kept free while its handshake runs."""

    def claim(self, user: UserId) -> bool:
        """Give the seat to *user*; False if the user has too many."""
        ...

    def adopt(self, fd: int, early: bytes, user: UserId, *, session: str, deflate: bool) -> None:
        """Take the socket over; *early* is what has been read from it already.

        It is closed when *session* ends. If *deflate*, permessage-deflate was agreed on.
        """
        ...

    def give_back(self) -> None:
        """Free the seat; a second time changes nothing."""
        ...


class Hub(Protocol):
    """Where accepted connections go."""

    @property
    def ready(self) -> bool:
        """Whether there is anything to show to a client yet."""
        ...

    @property
    def room(self) -> int:
        """Seats that nobody has."""
        ...

    def reserve(self) -> Seat | None:
        """A seat, or None if there is none."""
        ...


def shape_problem(environ: Environ) -> Problem | None:
    """What is wrong with the request as an upgrade to WebSocket, if anything (RFC 6455, 4.2.1)."""
    if environ["REQUEST_METHOD"] != "GET":
        return Problem("METHOD_NOT_ALLOWED", "a WebSocket opens with GET", headers={"Allow": "GET"})
    connection = {part.strip() for part in _header(environ, "CONNECTION").lower().split(",")}
    if _header(environ, "UPGRADE").lower() != "websocket" or "upgrade" not in connection:
        return Problem(
            "UPGRADE_REQUIRED", "this path speaks WebSocket only", headers={"Upgrade": "websocket"}
        )
    if environ["SERVER_PROTOCOL"] != "HTTP/1.1":
        return Problem("BAD_REQUEST", "a WebSocket opens with HTTP/1.1")
    if _header(environ, "SEC_WEBSOCKET_VERSION") != VERSION:
        return Problem(
            "UPGRADE_REQUIRED",
            f"only version {VERSION} of the protocol is spoken",
            headers={"Sec-WebSocket-Version": VERSION},
        )
    if not _is_key(_header(environ, "SEC_WEBSOCKET_KEY")):
        return Problem("BAD_REQUEST", "Sec-WebSocket-Key must be 16 bytes in base64")
    return None


def origin_problem(environ: Environ, origins: Collection[str]) -> Problem | None:
    """Refuse pages of other sites; a client without an Origin is no browser."""
    origin = _header(environ, "ORIGIN")
    if not origin or origin in origins:
        return None
    return Problem("ORIGIN_FORBIDDEN", "this page's origin is not on the list")


def token_of(environ: Environ) -> str | Problem:
    """The ws token, from the query or from the subprotocol list; empty if there is none."""
    try:
        query = parse_qs(str(environ.get("QUERY_STRING", "")), max_num_fields=MAX_FIELDS)
    except ValueError:
        return Problem("BAD_REQUEST", f"the query may have {MAX_FIELDS} fields at most")
    if "token" in query:
        return query["token"][0]
    tickets = (name for name in _offered(environ) if name.startswith(TICKET))
    return next(tickets, "").removeprefix(TICKET)


def subprotocol(environ: Environ) -> str | None:
    """The subprotocol to answer with, if the client offers ours."""
    return SUBPROTOCOL if SUBPROTOCOL in _offered(environ) else None


def extension(environ: Environ) -> str | None:
    """The extension to answer with, if the client offers one that this server can do."""
    return agreed(_header(environ, "SEC_WEBSOCKET_EXTENSIONS"))


def later(code: str, detail: str) -> Problem:
    """503 with a jittered invitation, so that those turned away do not return together."""
    return Problem(code, detail, headers={"Retry-After": str(random.randint(*RETRY_S))})


def no_room(detail: str) -> Problem:
    """What is said to whom there is no place for, or not now."""
    return later("CAPACITY", detail)


def beyond_quota(policy: Policy, taken: Taken) -> Problem:
    """What is said to an address that opens too many; all of them come back at different times."""
    retry = {"Retry-After": str(random.randint(*RETRY_S))}
    return replace(beyond(policy, taken), headers=retry)


def _offered(environ: Environ) -> list[str]:
    return [name.strip() for name in _header(environ, "SEC_WEBSOCKET_PROTOCOL").split(",")]


def _header(environ: Environ, name: str) -> str:
    return str(environ.get(f"HTTP_{name}", "")).strip()


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
