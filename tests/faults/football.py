"""What a test has the feed say, the time it lets pass, and how it knows that it was heard."""

from __future__ import annotations

import time
from typing import Any

from .exchange import Exchange
from .process import Service, request

READER = "sportmonks-scheduler"


class Football:
    """The match server's own endpoints, and the calendar of those who read its feed."""

    def __init__(self, exchange: Exchange, readers: tuple[Service, ...]) -> None:
        self._exchange = exchange
        self._readers = readers
        self._control = f"{exchange.feed.url}/_ctl"
        self._ahead_ms = 0

    @property
    def now_ms(self) -> int:
        """The feed's calendar; that of the services is another."""
        return int(request(f"{self._control}/clock")["now_ms"])

    def plays_on_to(self, at_ms: int) -> None:
        """Move the feed's calendar; all matches play until then."""
        request(f"{self._control}/advance", {"ms": at_ms - self.now_ms})

    def lies(self, *lies: dict[str, Any]) -> None:
        """Say *lies* from now on, and none of those before."""
        request(f"{self._control}/faults", {"lies": lies})

    def passes(self, calendar_ms: int) -> None:
        """Move the calendar of the services on."""
        self._ahead_ms += calendar_ms
        for reader in self._readers:
            reader.move_calendar(calendar_ms)

    def is_heard(self) -> None:
        """Return when a look at the feed that begins after this call is dealt with in full."""
        asked_ms = self._looked_ms(time.time_ns() // 1_000_000 + self._ahead_ms)
        self._looked_ms(asked_ms + 1)  # only then is it certain that the one before is over

    def _looked_ms(self, from_ms: int) -> int:
        """When a look began, once there is one from *from_ms* on."""

        def looked_ms() -> int | None:
            reader = self._exchange.holder(READER)
            at_ms = reader.detail(READER).get("last_ok", 0) if reader else 0
            return int(at_ms) if at_ms >= from_ms else None

        return self._exchange.wait(looked_ms) or 0
