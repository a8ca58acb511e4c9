"""Who may come in at `/ws`: everything that is looked at before the 101.

Source: docs/protocol.md, "Handshake".
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..domain.clock import Monotonic
from ..domain.ids import UserId
from ..domain.quota import Rates
from ..store.outage import OUTAGES
from . import handshake
from .handshake import Environ, Hub, Seat
from .outside import DIRECT, Outside
from .problems import Problem
from .quotas import Buckets, network
from .rate import Rate
from .tokens import Claims, TokenRefused, Verifier

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


class Tickets(Protocol):
    """Remembers which tokens were used, and which sessions were ended."""

    def spend(self, token_id: str, user: int, session: str) -> str | None:
        """Use a token; else why that cannot be. May raise an outage."""
        ...


@dataclass(frozen=True, slots=True)
class SocketDeps:
    """What the handshake needs.

    Attributes:
        origins: pages that may connect, such as https://example.com.
        health: answers every path but `/ws`.
        deflate: whether clients may have their messages compressed.
        handshakes: how many so far, by what became of them: `accepted`, or the code.
        addresses: how many each address may still open.
        outside: how this server is reached.
    """

    hub: Hub
    verifier: Verifier
    tickets: Tickets
    origins: tuple[str, ...]
    health: WSGIApplication
    deflate: bool = False
    monotonic: Monotonic = time.monotonic
    handshakes: Counter[str] = field(default_factory=Counter)
    addresses: Buckets = field(default_factory=lambda: Buckets(Rates().handshake_policy))
    outside: Outside = DIRECT


@dataclass(frozen=True, slots=True)
class Guest:
    """Who was let in, and where to sit."""

    seat: Seat
    user: UserId
    session: str


def admit(environ: Environ, deps: SocketDeps, rate: Rate) -> Guest | Problem:
    """Who asks, with a seat and a used token; else why not, and nothing is taken.

    *rate*: how often somebody may come as far as having their token looked at.
    """
    problem = handshake.shape_problem(environ)
    if problem is not None:
        return problem
    token = handshake.token_of(environ)
    if isinstance(token, Problem):
        return token
    problem = handshake.origin_problem(environ, deps.origins)
    if problem is not None:
        return problem
    return _seated(environ, deps, rate, token)


def _seated(environ: Environ, deps: SocketDeps, rate: Rate, token: str) -> Guest | Problem:
    if not deps.hub.ready:
        return handshake.no_room("the hub is starting")
    addresses = deps.addresses
    asked = addresses.take(network(str(environ.get("REMOTE_ADDR", ""))))
    if not asked.allowed:  # before it takes from what there is for everybody
        return handshake.beyond_quota(addresses.policy, asked)
    if not rate.allows_one():
        return handshake.no_room("too many connections at once")
    seat = deps.hub.reserve()
    if seat is None:
        return handshake.no_room("the hub is full")
    try:
        identified = identify(deps, seat, token)
    except BaseException:
        # Nobody else knows of the seat yet: it would be taken for ever.
        seat.give_back()
        raise
    if isinstance(identified, Problem):
        seat.give_back()
        return identified
    return Guest(seat, UserId(identified.user), identified.session)


def identify(deps: SocketDeps, seat: Seat, token: str) -> Claims | Problem:
    """The claims of a good and unused token whose user gets the seat; else why not."""
    if not token:
        return Problem("TOKEN_REQUIRED", "a ws token is needed: ?token= or a ticket subprotocol")
    claims: Any = deps.verifier.ws(token)
    if isinstance(claims, TokenRefused):
        return Problem("TOKEN_INVALID", claims.reason)
    # Before the token is spent: a client turned away for this may use it again.
    if not seat.claim(UserId(claims.user)):
        return Problem(
            "TOO_MANY_CONNECTIONS",
            "close another connection first",
            headers={"Retry-After": str(handshake.RETRY_S[1])},
        )
    try:
        refusal = deps.tickets.spend(claims.token_id, claims.user, claims.session)
    except OUTAGES:
        # Whether it was used cannot be known now, and a guess would let it in twice.
        return handshake.later("UNAVAILABLE", "try again")
    return claims if refusal is None else Problem("TOKEN_INVALID", refusal)
