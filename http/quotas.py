"""Who has how much left of which quota, as one replica has seen them.

Source: docs/decisions/0036-limits-are-kept-by-each-replica.md.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Hashable

from ..domain.clock import Monotonic
from ..domain.quota import Policy, Rates, Taken, charge, standing, take
from .operations import Limit
from .problems import Problem

#: Users or addresses that are kept in mind under one policy, some 0.2 KB each. Whoever was seen
#: least lately is forgotten, and has the whole quota again: nobody is locked out by a crowd.
KEPT = 20_000
WS_TOKENS_PER_S = 1  #: a user has 8 connections; ten seconds' worth at once covers all of them


class Buckets:
    """One policy, and what is used up of it by whom."""

    def __init__(
        self, policy: Policy, monotonic: Monotonic = time.monotonic, kept: int = KEPT
    ) -> None:
        self.policy = policy
        self._monotonic = monotonic
        self._kept = kept
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, who: Hashable) -> Taken:
        """Ask for one request of *who*; it counts if it is allowed."""
        taken = take(self.policy, self._full_at.get(who, 0.0), self._monotonic())
        if taken.allowed:
            self._keep(who, taken.full_at)
        return taken

    def charge(self, who: Hashable, requests: int) -> Taken:
        """Count *requests* more of *who*, whether they are left or not; fewer if negative."""
        now = self._monotonic()
        full_at = charge(self.policy, self._full_at.get(who, 0.0), now, requests)
        self._keep(who, full_at)
        return standing(self.policy, full_at, now)

    def _keep(self, who: Hashable, full_at: float) -> None:
        self._full_at[who] = full_at
        self._full_at.move_to_end(who)
        if len(self._full_at) > self._kept:
            self._full_at.popitem(last=False)


class Quotas:
    """The quotas of an api-server.

    Attributes:
        refused: requests that were beyond a quota, by the policy's name.
    """

    def __init__(self, rates: Rates, monotonic: Monotonic = time.monotonic) -> None:
        self.refused: Counter[str] = Counter()
        self._address = Buckets(Policy("address", rates.address, 2), monotonic)
        self._strangers = Buckets(Policy("reads", rates.reads, 2), monotonic)
        self._sign_in = Buckets(Policy("sign-in", rates.sign_ins, 6), monotonic)
        self._users = {
            Limit.ORDERS: Buckets(Policy("orders", rates.orders, 2), monotonic),
            Limit.READS: Buckets(Policy("reads", rates.reads, 2), monotonic),
            Limit.WS_TOKEN: Buckets(Policy("ws-token", WS_TOKENS_PER_S, 10), monotonic),
            Limit.ADMIN: Buckets(Policy("admin", rates.orders, 2), monotonic),
        }

    def arrive(self, address: str) -> tuple[Policy, Taken]:
        """Count a request of *address*, whatever it is for."""
        return self._taken(self._address, network(address))

    def take(self, limit: Limit, user: int | None, address: str) -> tuple[Policy, Taken]:
        """Count a request of *user*, or of *address* where nobody is signed in."""
        if limit is Limit.SIGN_IN:
            return self._taken(self._sign_in, network(address))
        if user is None:
            return self._taken(self._strangers, network(address))
        return self._taken(self._users[limit], user)

    def charge(self, limit: Limit, user: int, requests: int) -> tuple[Policy, Taken]:
        """Count *requests* more of *user*, or fewer if negative; how their quota stands then."""
        buckets = self._users[limit]
        return buckets.policy, buckets.charge(user, requests)

    def _taken(self, buckets: Buckets, who: Hashable) -> tuple[Policy, Taken]:
        taken = buckets.take(who)
        if not taken.allowed:
            self.refused[buckets.policy.name] += 1
        return buckets.policy, taken


def network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one host of IPv6 is given."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))


def quota_headers(policy: Policy, taken: Taken) -> dict[str, str]:
    """What is said of a quota in an answer (draft-ietf-httpapi-ratelimit-headers)."""
    name = policy.name
    return {
        "RateLimit-Policy": f'"{name}";q={policy.quota};w={policy.window_s}',
        "RateLimit": f'"{name}";r={taken.left};t={_whole(taken.full_in_s)}',
    }


def beyond(policy: Policy, taken: Taken) -> Problem:
    """The refusal of a request that was one too many."""
    return Problem(
        "RATE_LIMITED",
        f"{policy.per_s} a second are allowed in the long run, {policy.quota} at once",
        extensions={"violated-policies": [policy.name]},
        headers={"Retry-After": str(max(1, _whole(taken.wait_s)))},
    )


def _whole(seconds: float) -> int:
    """*seconds* rounded up; a float's own error makes no further one of it."""
    return math.ceil(round(seconds, 6))
