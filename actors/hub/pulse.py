"""When the event loop has surely been turning, for what is noticed later than it happened.

A connection that ends while the process stands still, as in a paused container, is noticed when
it goes on, and that of a client whose network has vanished when a ping stays unanswered. Its user
has been away for longer than that; an absence may be found too long, never too short.

Source: docs/decisions/0029.
"""

from __future__ import annotations

from collections import deque

from ...domain.clock import Moment

APART_S = 1.0  #: between two beats that are kept
LATE_S = 3.0  #: a pulse that is silent for longer stood still; shorter is a busy loop
KEPT = 64  #: so for a minute: a ping is sent after 25 s and waited for 10 s


class Pulse:
    """Beats once a second while the loop turns; several may beat it."""

    def __init__(self) -> None:
        self._beats: deque[Moment] = deque(maxlen=KEPT)
        self._stood: tuple[Moment, float] | None = None  # the last beat before, and when it went on

    def beat(self, now: Moment) -> None:
        """The loop turns."""
        if self._beats:
            silent_s = now.at_s - self._beats[-1].at_s
            if silent_s < APART_S:
                return
            if silent_s > LATE_S:
                self._stood = self._beats[-1], now.at_s
        self._beats.append(now)

    def sure(self, now: Moment) -> Moment:
        """The moment up to which whatever has happened is noticed by *now*."""
        if self._beats and now.at_s - self._beats[-1].at_s > LATE_S:
            return self._beats[-1]
        # What came during a standstill is noticed bit by bit when it is over.
        if self._stood and now.at_s - self._stood[1] < LATE_S:
            return self._stood[0]
        return now

    def before(self, at_s: float) -> Moment | None:
        """The last beat that is no later than monotonic *at_s*, or the oldest; None if none."""
        earlier = (beat for beat in reversed(self._beats) if beat.at_s <= at_s)
        return next(earlier, self._beats[0] if self._beats else None)
