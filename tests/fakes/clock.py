"""A clock that stands still until a test moves it, for the calendar, for leases and for actors."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

KICK_OFF_MS = 1_790_000_000_000  #: some moment in September 2026


@dataclass(order=True)
class _Due:
    at_s: float
    number: int
    fire: Callable[[], None] = field(compare=False)
    repeat_s: float = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class FakeClock:
    """``calendar`` and ``monotonic`` to inject, and a supervision ``Clock``; moved by ``advance``.

    Both clocks move together: one monotonic second is one second of the calendar.
    """

    def __init__(self, calendar_ms: int = KICK_OFF_MS, monotonic_s: float = 1000.0) -> None:
        self._start_ms = calendar_ms
        self._start_s = monotonic_s
        self._passed_s = 0.0
        self._numbers = count()
        self._timers: list[_Due] = []

    def calendar(self) -> int:
        """Calendar now, Unix ms."""
        return self._start_ms + round(self._passed_s * 1000)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return self._start_s + self._passed_s

    def utc_ms(self) -> int:
        """The machine's time; here the calendar's."""
        return self.calendar()

    def timer(
        self, first_s: float, repeat_s: float, fire: Callable[[], None]
    ) -> Callable[[], None]:
        """Call *fire* when the clock is moved past its time; return its cancel."""
        due = _Due(self._passed_s + first_s, next(self._numbers), fire, repeat_s)
        heapq.heappush(self._timers, due)

        def cancel() -> None:
            due.cancelled = True

        return cancel

    def advance(self, seconds: float) -> None:
        """Move both clocks, and fire on the way what becomes due, in order."""
        end_s = self._passed_s + seconds
        while self._timers and self._timers[0].at_s <= end_s:
            due = heapq.heappop(self._timers)
            if due.cancelled:
                continue
            self._passed_s = max(self._passed_s, due.at_s)
            if due.repeat_s:
                # After a stall the event loop's timers fire once, too, not for each tick missed.
                due.at_s = self._passed_s + due.repeat_s
                heapq.heappush(self._timers, due)
            due.fire()
        self._passed_s = end_s

    def stall(self, seconds: float) -> None:
        """Let time pass without firing anything, as when the event loop is busy."""
        self._passed_s += seconds

    def next_timer_s(self) -> float | None:
        """Seconds until the next timer is due; None if there is none."""
        live = [due.at_s for due in self._timers if not due.cancelled]
        return min(live) - self._passed_s if live else None
