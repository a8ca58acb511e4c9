"""How late the event loop is: the one number that shows when something computes too long."""

from __future__ import annotations

from collections import deque

from .timer import Clock

TICK_S = 0.1
KEPT = 100  #: ticks, so ten seconds
#: Later than this the loop was not busy but stood still, as in a paused container: whoever was
#: in the middle of something had no chance to end it.
STILL_S = 5.0


class LoopLag:
    """Lateness of a 100 ms timer over the last 10 s."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._late_s: deque[float] = deque(maxlen=KEPT)
        self._due = self._monotonic() + TICK_S
        self._turning_since = float("-inf")
        self.stop = clock.timer(TICK_S, TICK_S, self._tick)

    def worst_ms(self) -> float:
        """Milliseconds of the worst tick, at least 0."""
        return max(self._late_s, default=0.0) * 1000

    def stuck(self) -> bool:
        """Whether the loop takes seconds over and over; once may have been a standstill."""
        return sum(late_s > STILL_S for late_s in self._late_s) > 1

    def turning_s(self) -> float:
        """Seconds since the loop last went on after it had stood still; infinite if it never did.

        Nobody can have been at work for longer, however long ago they began.
        """
        return self._monotonic() - self._turning_since

    def _tick(self) -> None:
        now = self._monotonic()
        late_s = max(0.0, now - self._due)
        self._late_s.append(late_s)
        if late_s > STILL_S:
            self._turning_since = now
        self._due = now + TICK_S
