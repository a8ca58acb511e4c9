"""A lease: who of several replicas does a job that one of them should do.

The holder may believe in its lease only while nobody else can have taken it.
Redis starts the time to live when the command arrives, which is after we sent
it; so trust counts from the moment we asked, ends a margin early, and is given
up on the first sign of doubt. A lease saves double work. Correctness never
rests on it: the work itself is idempotent, and a script that shares the Redis
with the lease checks the owner itself.
"""

from importlib.resources import files
from uuid import uuid4

import redis

from ..domain.clock import Monotonic

TTL_S = 6.0  #: renewed every 2 s by the holder, so two renewals may fail
MARGIN_S = 1.0  #: trust ends this much before Redis forgets us


class Lease:
    """The lease under *key*, asked for as *owner*.

    Args:
        key: whole Redis key, such as `lease:scheduler`.
        ttl_s: real seconds Redis keeps it without a renewal.
        monotonic: real seconds; never the calendar, which may run faster.
        owner: unique name of this holder; made up if not given.
    """

    def __init__(
        self,
        client: redis.Redis,
        key: str,
        *,
        monotonic: Monotonic,
        ttl_s: float = TTL_S,
        margin_s: float = MARGIN_S,
        owner: str | None = None,
    ) -> None:
        self.key = key
        self.owner = owner or uuid4().hex
        self.token = self.before = 0
        self._monotonic = monotonic
        self._ttl_s = ttl_s
        self._trust_s = ttl_s - margin_s
        self._trusted_until = 0.0
        self._renew = client.register_script(_lua("lease_renew.lua"))
        self._release = client.register_script(_lua("lease_release.lua"))

    def renew(self) -> bool:
        """Take the lease if it is free, renew it if it is ours; return whether we hold it.

        `token` then is the fencing token: it grows with every acquisition by anyone, and is never
        given again, also where Redis has lost what it knew of it. `before` is the one before that,
        if this acquired it; 0 if Redis knows of none.

        Raises:
            an outage of Redis; the lease then counts as not held until a renewal succeeds.
        """
        # From the moment we asked, not the moment Redis answered: a slow reply
        # must not lengthen the time we believe we hold the lease.
        asked_at = self._monotonic()
        self._trusted_until = 0.0
        token, before = self._renew(
            keys=[self.key, f"{self.key}:token"], args=[self.owner, round(self._ttl_s * 1000)]
        )
        if token:
            self.token, self.before = int(token), int(before)
            self._trusted_until = asked_at + self._trust_s
        return self.held()

    def held(self) -> bool:
        """Whether we may act as the holder at this moment; costs no round trip."""
        return self._monotonic() < self._trusted_until

    def release(self) -> None:
        """Give the lease back so that another need not wait for it to expire."""
        self._trusted_until = 0.0
        self._release(keys=[self.key], args=[self.owner])


def _lua(name: str) -> str:
    return (files("touchline") / "lua" / name).read_text(encoding="utf-8")
