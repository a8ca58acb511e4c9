"""A scan that somebody asked for, and everything there is to tell of it.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import redis

from ..domain.halts import stops_closing
from ..domain.ids import InstrumentIdx
from ..domain.position_events import By, PositionEvent
from ..domain.positions import Position, closing_quote
from ..domain.scanning import Cursor, cursor_at
from ..domain.ticks import Glance
from .keys import Keys
from .scanner import Scanner
from .stretches import PAGE, Stretches
from .trace import Trace, Trail


@dataclass(frozen=True, slots=True)
class Span:
    """The lowest and the highest price that there was (1e-4 coin)."""

    low_px: int
    high_px: int


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one position.

    Attributes:
        ticks: looked at; of them *halted* close nothing, whatever their prices.
        quotes: of the others, those that it would have been closed at. *marks*: likewise.
        close: None if it is still open.
        left: it could not be dealt with; the next scan tries again.
    """

    trail: Trail
    ticks: int
    halted: int
    quotes: Span | None
    marks: Span | None
    close: PositionEvent | None
    left: bool


class Inquiries:
    """Scans over one Redis, at an admin's wish."""

    def __init__(self, client: redis.Redis, keys: Keys, scanner: Scanner) -> None:
        self._stretches = Stretches(client, keys)
        self._scanner = scanner

    def into(self, positions: Sequence[Position]) -> list[Found]:
        """Bring *positions* up to now, which may close some, and tell of each that was open.

        May raise an outage of Redis. To do it again tells the same, but for what is closed by then.
        """
        clubs: defaultdict[InstrumentIdx, list[str]] = defaultdict(list)
        for position in positions:
            clubs[position.idx].append(position.id)
        trace = Trace()
        scan = self._scanner.begin(clubs, By.ADMIN, trace=trace)
        while scan.step():
            pass
        closes = {each.event.position.id: each.event for each in scan.happened}
        left = set(scan.left)
        return [
            self._found(trail, closes.get(number), left=number in left)
            for number, trail in trace.trails.items()
        ]

    def _found(self, trail: Trail, close: PositionEvent | None, *, left: bool) -> Found:
        ended = trail.ended
        if close and close.trigger:
            # The course ends before the tick that closes.
            ended = Cursor(close.trigger.tick_id, trail.ended.seq + 1)
        ticks = list(self._ticks(trail.position.idx, trail.began, ended))
        counting = [tick for tick in ticks if not stops_closing(tick.halt)]
        quotes = [closing_quote(trail.position, tick) for tick in counting]
        halted = len(ticks) - len(counting)
        marks = [tick.mark_px for tick in counting]
        return Found(trail, len(ticks), halted, _span(quotes), _span(marks), close, left)

    def _ticks(self, idx: InstrumentIdx, after: Cursor, upto: Cursor) -> Iterator[Glance]:
        while after.seq < upto.seq:
            stretch = self._stretches.read(idx, after, upto)
            yield from stretch.ticks
            if len(stretch.ticks) < PAGE:
                return
            after = cursor_at(stretch.ticks[-1])


def _span(prices: Sequence[int]) -> Span | None:
    return Span(min(prices), max(prices)) if prices else None
