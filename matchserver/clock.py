"""The calendar of a season that plays faster than life and skips its idle days.

Real time, times the speed, runs through the *windows* in which something
happens: from shortly before each kick-off to shortly after each final whistle,
and for a while from where the feed takes back a result that was none.
Between two windows no time passes at all. After the last one the calendar runs
on at the same speed, so that what waits on it (a result that must have stood
for a while) still comes due.

Source: docs/architecture.md, "Time".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from .lies import AnyLie, misleading
from .matches import MINUTE_MS, Season

Window = tuple[int, int]

LEAD_MS = 5 * MINUTE_MS  #: the longest run-up to a kick-off, calendar time
LEAD_REAL_MS = 10_000  #: at low speed nobody waits longer than this for a kick-off, real time
TAIL_MS = 3 * MINUTE_MS  #: after a final whistle; a result commits once it stood for two minutes
LATE_MS = 45 * MINUTE_MS  #: after a late truth; a settled match is asked for again by then,
LATE_REAL_MS = 1_500  #: and whoever asks rarely at high speed needs so much real time besides


def windows_of(season: Season, speed: float, lies: Iterable[AnyLie] = ()) -> tuple[Window, ...]:
    """The calendar stretches in which *season* is worth watching, where *lies* are told of it."""
    lead_ms = min(LEAD_MS, round(LEAD_REAL_MS * speed))
    late_ms = LATE_MS + round(LATE_REAL_MS * speed)
    return (
        *(
            (match.kickoff_ms - lead_ms, match.final_whistle_ms + TAIL_MS)
            for match in season.matches
        ),
        *((true_ms, true_ms + late_ms) for true_ms in _truths(season, lies)),
    )


def _truths(season: Season, lies: Iterable[AnyLie]) -> Iterator[int]:
    """From when on the feed has the results of which it has told others for too long."""
    about = {match.id: match for match in season.matches}
    for lie in lies:
        if lie.fixture in about and misleading(about[lie.fixture], lie):
            yield max(lie.to_ms, about[lie.fixture].final_whistle_ms)


class WarpClock:
    """Calendar milliseconds; an instance is the `Calendar` callable itself.

    Runs from the moment it is made, and never goes backwards.

    Args:
        windows: (start, end) in calendar ms; may overlap, in any order, at least one.
        speed: calendar ms per real ms; 0 stands still until advanced.
        monotonic: real seconds.
        start_ms: the calendar instant to resume from; an idle one moves on to the
            next window. Default: the start of the first window.
    """

    def __init__(
        self,
        windows: Iterable[Window],
        speed: float,
        monotonic: Callable[[], float],
        start_ms: int | None = None,
    ) -> None:
        if speed < 0:
            raise ValueError(f"a clock cannot run at speed {speed}")
        self._windows = _merged(windows)
        # Position: calendar ms spent inside windows. It grows steadily, so the
        # calendar is a plain function of it.
        self._positions = _start_positions(self._windows)
        self._speed = speed
        self._monotonic = monotonic
        self._origin_s = monotonic()
        self._origin = 0.0 if start_ms is None else self._position_of(start_ms)
        self._latest_ms = self._calendar_at(self._origin)

    def __call__(self) -> int:
        self._latest_ms = max(self._latest_ms, self._calendar_at(self._position()))
        return self._latest_ms

    @property
    def speed(self) -> float:
        """Calendar ms per real ms."""
        return self._speed

    def run_at(self, speed: float) -> None:
        """Go on from now at another speed."""
        self._origin, self._origin_s = self._position(), self._monotonic()
        self._speed = speed

    def advance_to(self, at_ms: int) -> int:
        """Jump forward to *at_ms* (or the next window, if that is idle); the new now.

        An instant that has passed changes nothing.
        """
        now_ms = self()
        if at_ms > now_ms:
            self._origin_s, self._origin = self._monotonic(), self._position_of(at_ms)
        return self()

    def advance(self, by_ms: int) -> int:
        """Jump forward by *by_ms* of calendar time; the new now."""
        return self.advance_to(self() + by_ms)

    def _position(self) -> float:
        return self._origin + (self._monotonic() - self._origin_s) * 1000 * self._speed

    def _position_of(self, at_ms: int) -> float:
        index = bisect_right(self._windows, at_ms, key=lambda window: window[0]) - 1
        if index < 0:
            return 0.0
        start_ms, end_ms = self._windows[index]
        last = index == len(self._windows) - 1
        inside_ms = at_ms - start_ms if last else min(at_ms, end_ms) - start_ms
        return self._positions[index] + inside_ms

    def _calendar_at(self, position: float) -> int:
        index = bisect_right(self._positions, position) - 1
        return self._windows[index][0] + int(position - self._positions[index])


def _merged(windows: Iterable[Window]) -> list[Window]:
    merged: list[Window] = []
    for start_ms, end_ms in sorted(windows):
        if merged and start_ms <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_ms, merged[-1][1]))
        else:
            merged.append((start_ms, end_ms))
    if not merged:
        raise ValueError("a clock needs at least one window")
    return merged


def _start_positions(windows: list[Window]) -> list[int]:
    positions = [0]
    for start_ms, end_ms in windows[:-1]:
        positions.append(positions[-1] + end_ms - start_ms)
    return positions
