"""How late the event loop is: the one number that shows when something computes too long."""

from __future__ import annotations

from collections import deque

from .timer import Clock

TICK_S = 0.1
KEPT = 100  #: ticks, so ten seconds


class LoopLag:
    """Lateness of a 100 ms timer over the last 10 s."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._late_s: deque[float] = deque(maxlen=KEPT)
        self._due = self._monotonic() + TICK_S
        self.stop = clock.timer(TICK_S, TICK_S, self._tick)

    def worst_ms(self) -> float:
        """Milliseconds of the worst tick, at least 0."""
        return max(self._late_s, default=0.0) * 1000

    def _tick(self) -> None:
        now = self._monotonic()
        self._late_s.append(max(0.0, now - self._due))
        self._due = now + TICK_S
