"""The scanner: closes positions at the first tick that does, whoever comes to look.

One scanner, four callers: `stop-watcher`, `margin-reconnect-listener`, `margin-backstop-sweeper`,
and whoever has a command refused with SCAN_FIRST.
Source: docs/market.md, "What closes a position".
"""

from __future__ import annotations

import redis

from ..domain.clock import Calendar
from ..domain.position_events import By
from .courses import Courses, ScanCounts
from .keys import Keys
from .position_commands import Happened, PositionKey
from .scan import ByClub, Means, Scan
from .scripts import Scripts
from .trace import Trace


class Scanner:
    """Scans of positions over one Redis; one a process, for it counts what they come to."""

    def __init__(
        self, client: redis.Redis, keys: Keys, scripts: Scripts, calendar: Calendar
    ) -> None:
        self.counts = ScanCounts()
        courses = Courses(client, keys, self.counts)
        self._means = Means(courses, scripts, calendar, self.counts)

    def begin(
        self,
        positions: ByClub,
        by: By,
        *,
        lease_owner: str | None = None,
        trace: Trace | None = None,
    ) -> Scan:
        """A scan of *positions* in the name of *by*, to be stepped by the caller."""
        return Scan(self._means, positions, by, lease_owner, trace)

    def scan(self, positions: ByClub, by: By, *, lease_owner: str | None = None) -> list[Happened]:
        """The closes that a whole scan of *positions* came to."""
        scan = self.begin(positions, by, lease_owner=lease_owner)
        while scan.step():
            pass
        return scan.happened

    def check(self, position: PositionKey) -> Happened | None:
        """Bring one position up to now; its close, if a tick has closed it.

        Afterwards no script refuses a command on it for the ticks there were until now.
        """
        happened = self.scan({position.idx: [position.id]}, By.CHECK)
        return happened[0] if happened else None
