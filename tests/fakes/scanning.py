"""The real scanner, watched: how often it is asked, and what if it cannot look."""

from __future__ import annotations

from touchline.store.position_commands import Happened, PositionKey
from touchline.store.scanner import Scanner


class WatchedScanner:
    """*scanner*, until it is ``blind`` or meets an ``outage``."""

    def __init__(self, scanner: Scanner) -> None:
        self.real = scanner
        self.checks = 0
        self.blind = False
        self.outage: Exception | None = None

    def check(self, position: PositionKey) -> Happened | None:
        self.checks += 1
        if self.outage:
            raise self.outage
        return None if self.blind else self.real.check(position)
