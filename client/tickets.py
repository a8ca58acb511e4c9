"""Tickets: a token good for one connection, and where to connect.

Source: docs/protocol.md, "Tokens".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import urllib3

TIMEOUT_S = 10.0
#: Answers that may be others in a moment; everything else is the end.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Ticket:
    """The address of a ws-server and the token that opens it, once, within a minute."""

    url: str
    token: str


class NoTicket(Exception):
    """None is to be had now, or at all.

    Attributes:
        passing: whether it is worth trying again.
        after_s: not before that many seconds, if the server said so.
    """

    def __init__(self, why: str, *, passing: bool, after_s: float | None = None) -> None:
        super().__init__(why)
        self.passing = passing
        self.after_s = after_s


Tickets = Callable[[], Ticket]
"""Gives a new ticket. Raises NoTicket."""


class _Given(msgspec.Struct):
    url: str
    token: str


class HttpTickets:
    """Tickets of an api-server.

    Args:
        api_url: such as ``https://api.example.com``.
        access_token: gives an access token that is good now; called for each ticket.
    """

    def __init__(self, api_url: str, access_token: Callable[[], str]) -> None:
        self._url = f"{api_url.rstrip('/')}/v1/ws-token"
        self._access_token = access_token
        self._http = urllib3.PoolManager(timeout=TIMEOUT_S, retries=False)

    def __call__(self) -> Ticket:
        """A new ticket. Raises NoTicket."""
        headers = {"Authorization": f"Bearer {self._access_token()}"}
        try:
            answer = self._http.request("POST", self._url, headers=headers)
        except urllib3.exceptions.HTTPError as why:
            raise NoTicket(f"the api-server cannot be reached: {why}", passing=True) from why
        if answer.status != 201:
            after_s = retry_after_s(answer.headers.get("Retry-After"))
            passing = answer.status in PASSING
            raise NoTicket(
                f"the api-server answers {answer.status}", passing=passing, after_s=after_s
            )
        given = msgspec.json.decode(answer.data, type=_Given)
        return Ticket(given.url, given.token)


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for; None if it says none."""
    return float(value) if value and value.isascii() and value.isdecimal() else None
