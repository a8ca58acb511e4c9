"""How often somebody may do something: the rule behind rate limits.

The generic cell rate algorithm: of everybody one number is kept, the moment from which their whole
quota is there again. Each request moves it on by what a request costs; one that would move it
further ahead of now than the quota lasts is refused, and moves nothing.

Source: docs/decisions/0036-limits-are-kept-by-each-replica.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Seconds. A refusal for less than a float's own error would be one too many.
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True)
class Policy:
    """*per_s* requests a second in the long run; *window_s* seconds' worth of them at once."""

    name: str
    per_s: int
    window_s: int

    @property
    def quota(self) -> int:
        """Requests that are there after a quiet time."""
        return self.per_s * self.window_s


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one request.

    Attributes:
        full_at: the moment, in the clock's seconds, from which the whole quota is there again.
        left: requests that would be allowed right behind this one.
        full_in_s: until nothing is used of the quota.
        wait_s: until one more is allowed; 0 where this one was.
    """

    allowed: bool
    full_at: float
    left: int
    full_in_s: float
    wait_s: float


def take(policy: Policy, full_at: float, now: float) -> Taken:
    """Ask for one request at *now*; *full_at* as the request before left it, 0.0 for none."""
    used_s = max(0.0, full_at - now)
    cost_s = 1.0 / policy.per_s
    wait_s = used_s + cost_s - policy.window_s
    allowed = wait_s <= _ROUNDING_S
    if allowed:
        used_s += cost_s
    left = max(0, math.floor((policy.window_s - used_s) * policy.per_s + _ROUNDING_S))
    return Taken(allowed, now + used_s, left, used_s, 0.0 if allowed else wait_s)


def standing(policy: Policy, full_at: float, now: float) -> Taken:
    """How a quota stands at *now* that is full again at *full_at*."""
    used_s = max(0.0, full_at - now)
    left = max(0, math.floor((policy.window_s - used_s) * policy.per_s + _ROUNDING_S))
    return Taken(True, full_at, left, used_s, 0.0)


def charge(policy: Policy, full_at: float, now: float, requests: int) -> float:
    """The new *full_at* after *requests* more that were not asked for one by one.

    Nothing is refused: what goes beyond the quota is owed, and the next one waits for longer.
    """
    return max(full_at, now) + requests / policy.per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What operators set: requests a second, in the long run.

    Attributes:
        orders: all that a user changes, such as orders; and all that an operator does.
        reads: what a user looks at; also an address without a token.
        sign_ins: requests of an address to begin a session or to go on with one.
        address: everything of an address, whoever asks.
        handshakes: WebSockets that an address opens at one replica.
    """

    orders: int = 10
    reads: int = 30
    sign_ins: int = 5
    address: int = 300
    handshakes: int = 50

    @property
    def handshake_policy(self) -> Policy:
        """What an address may open at a ws-server."""
        return Policy("handshakes", self.handshakes, 4)
