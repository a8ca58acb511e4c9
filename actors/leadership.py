"""Being the one replica that writes: a lease, and a fence before whoever held it until now."""

from __future__ import annotations

from typing import Protocol

from ..domain.clock import Monotonic
from ..store.fence import Fence
from ..store.lease import Lease


class Level(Protocol):
    """The part of a meter that tells how far behind a duty is."""

    level_at: float | None
    token: int


class Leadership:
    """Renews *lease*; with each new term it takes *fence* and, after another's, starts level."""

    def __init__(self, lease: Lease, fence: Fence, monotonic: Monotonic, meter: Level) -> None:
        self._lease = lease
        self._fence = fence
        self._monotonic = monotonic
        self._meter = meter
        self._token = 0

    def renew(self) -> None:
        """Keep the lease or try to get it."""
        if self._lease.renew() and self._lease.token != self._token:
            # Ours anew: whoever held it before may still be writing.
            self._fence.take()
            if self._lease.before != self._meter.token:  # another was level meanwhile
                self._meter.level_at = self._monotonic()
            self._token = self._meter.token = self._lease.token

    def lose(self) -> None:
        """Take in that another has fenced us off; the next term is a new one."""
        self._lease.release()
        self._token = 0
