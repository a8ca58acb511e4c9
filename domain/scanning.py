"""Scanning: what ticks do to open positions, up to the first one that closes each.

Ticks are read in stretches, which all positions of a club share. A stretch knows how far its prices
have reached by each of its ticks, so the first one that concerns a position is looked up, not
searched for: most positions cost a few comparisons, however many ticks there are.
Source: docs/market.md, "What closes a position".
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import attrgetter, neg
from typing import NamedTuple

from .halts import OPEN, stops_closing
from .margin import bearable_e4
from .positions import (
    CloseReason,
    Direction,
    Levels,
    Position,
    breach,
    crosses,
    followed,
    levels,
    liquidation,
)
from .ticks import Glance

_SEQ = attrgetter("seq")


class Cursor(NamedTuple):
    """A tick up to which everything is known."""

    tick_id: str
    seq: int


def cursor_at(tick: Glance) -> Cursor:
    """Where somebody is who has looked at *tick*.

    The low and the high of a candle have one number, and who has seen one may have yet to see the
    other: so neither counts as seen by its number, but by its id.
    """
    return Cursor(tick.id, tick.seq - tick.stands_in)


class Reach:
    """How far one kind of price has come, up and down, by each of some ticks."""

    __slots__ = ("_depths", "_highs")

    def __init__(self, prices: Sequence[int]) -> None:
        self._highs = list(accumulate(prices, max))
        self._depths = list(accumulate(map(neg, prices), max))

    def down_to(self, level: int | None) -> int:
        """Which price is the first at *level* or below; their number if none is."""
        return len(self._depths) if level is None else bisect_left(self._depths, -level)

    def up_to(self, level: int | None) -> int:
        """Which price is the first at *level* or above; their number if none is."""
        return len(self._highs) if level is None else bisect_left(self._highs, level)


class Stretch:
    """Some of a club's ticks, oldest first, and how far the prices of those that count reach."""

    __slots__ = ("_ask", "_bid", "_mark", "_places", "_stand_ins", "ticks")

    def __init__(self, ticks: Sequence[Glance]) -> None:
        self.ticks = ticks
        # To ask a flag is slow, and nearly always there is none.
        self._places = [
            n for n, tick in enumerate(ticks) if tick.halt == OPEN or not stops_closing(tick.halt)
        ]
        counting = [ticks[n] for n in self._places]
        self._bid = Reach([tick.bid_px for tick in counting])
        self._ask = Reach([tick.ask_px for tick in counting])
        self._mark = Reach([tick.mark_px for tick in counting])
        self._places.append(len(ticks))  # where what none of them reaches would be
        self._stand_ins = [n for n, tick in enumerate(ticks) if tick.stands_in]

    def after(self, seq: int) -> int:
        """The place of the first tick later than number *seq*; the length if there is none."""
        return bisect_right(self.ticks, seq, key=_SEQ)

    def lacks(self, start: int, end: int) -> bool:
        """Whether a tick before place *end* and from *start* on stands in for lost ones."""
        at = bisect_left(self._stand_ins, start)
        return at < len(self._stand_ins) and self._stand_ins[at] < end

    def first(self, side: Direction, at: Levels) -> int:
        """The place of the first tick that something happens at to a position of levels *at*.

        The length if there is none.
        """
        mark = self._mark
        if side is Direction.LONG:
            by_quote = self._bid.down_to(at.stop), self._bid.up_to(at.gain)
            which = min(*by_quote, mark.down_to(at.loss), mark.up_to(at.relief))
        else:
            by_quote = self._ask.up_to(at.stop), self._ask.down_to(at.gain)
            which = min(*by_quote, mark.up_to(at.loss), mark.down_to(at.relief))
        return self._places[which]


class Tried(NamedTuple):
    """The last index (1e-4 coin) at which a close was refused; None if none was.

    ``profit_px``: a take-profit could not be had. ``cover_px``: a margin did not cover the loss,
    with ``cover_mark_px`` as the mark.
    """

    profit_px: int | None = None
    cover_px: int | None = None
    cover_mark_px: int | None = None


UNTRIED = Tried()


@dataclass(frozen=True, slots=True)
class Course:
    """An open position on its way through the ticks.

    Attributes:
        position: as the ticks have left it; it is another object once one has.
        cursor: the last tick looked at.
        follow_tick_id: the last tick its trailing stop followed to; None if to none.
        closing: the first tick that closes it; the course ends before it.
        gap: ticks were missing on the way.
        tried: what was refused on the way.
    """

    position: Position
    cursor: Cursor
    follow_tick_id: str | None = None
    closing: Glance | None = None
    gap: bool = False
    tried: Tried = UNTRIED


def advanced(course: Course, stretch: Stretch) -> Course:
    """*course* after the ticks of *stretch* that it has not seen, or up to the one that closes."""
    ticks, seen = stretch.ticks, course.cursor.seq
    start = stretch.after(seen)
    if course.closing or start == len(ticks):
        return course
    course, end = _walked(course, stretch, start)
    looked_at = end + (course.closing is not None)
    cursor = cursor_at(ticks[end - 1]) if end > start else course.cursor
    missing = ticks[looked_at - 1].seq - seen > looked_at - start
    # A candle's two ticks may be as many as were lost, so the numbers alone do not tell.
    missing = missing or stretch.lacks(start, looked_at)
    return replace(course, cursor=cursor, gap=course.gap or missing)


def passed(course: Course, *, covered: bool) -> Course:
    """*course* beyond its closing tick, which was refused: the position stays armed.

    Args:
        covered: its take-profit could not be had; if not, its margin did not cover the loss.

    Raises:
        ValueError: no tick closes it.
    """
    tick = course.closing
    if tick is None:
        raise ValueError("nothing to pass")
    after, tried = followed(course.position, tick), course.tried
    if covered:
        tried = tried._replace(profit_px=tick.index_px)
    else:
        tried = tried._replace(cover_px=tick.index_px, cover_mark_px=tick.mark_px)
    follow = after.best_px != course.position.best_px
    return replace(
        course,
        position=after,
        cursor=cursor_at(tick),
        follow_tick_id=tick.id if follow else course.follow_tick_id,
        closing=None,
        tried=tried,
    )


def _walked(course: Course, stretch: Stretch, place: int) -> tuple[Course, int]:
    """*course* as the ticks from *place* on leave it, and where the one that closes it is."""
    ticks, position, follow_tick_id = stretch.ticks, course.position, course.follow_tick_id
    closing = None
    while (place := _first_met(position, stretch, place)) < len(ticks):
        tick = ticks[place]
        if _closes(position, tick, course.tried):
            closing = tick
            break
        after = followed(position, tick)
        if after.best_px != position.best_px:
            follow_tick_id = tick.id
        position, place = after, place + 1
    if position is course.position and closing is None:
        return course, place
    return (
        replace(course, position=position, follow_tick_id=follow_tick_id, closing=closing),
        place,
    )


def _closes(position: Position, tick: Glance, tried: Tried) -> bool:
    why = breach(position, tick)
    if why is None:
        return False
    # Who closes pays or gets the inventory of now, whatever that tick's was: at an index that is
    # no better than one refused a moment ago the answer would be the same.
    if why.reason is CloseReason.TAKE_PROFIT:
        if _better(position, tick.index_px, tried.profit_px):
            return True
        if liquidation(position, tick) is None:
            return False
    return _better(position, tick.index_px, tried.cover_px) or _borne_now(position, tick, tried)


def _better(position: Position, px: int, refused_px: int | None) -> bool:
    return refused_px is None or position.sign * px > position.sign * refused_px


def _borne_now(position: Position, tick: Glance, tried: Tried) -> bool:
    """Whether the house may bear at *tick* what it would not when it was last asked."""
    if not bearable_e4(position, tick.mark_px):
        return False
    return tick.index_px != tried.cover_px or _better(
        position, tried.cover_mark_px or 0, tick.mark_px
    )


def _first_met(position: Position, stretch: Stretch, place: int) -> int:
    """Where the first tick from *place* on is at which something happens; the length if nowhere."""
    at = levels(position)
    first = stretch.first(position.side, at)
    if first >= place:
        return first
    # Its price had been there before, which is none of this position's business.
    ticks = stretch.ticks
    return next(
        (n for n in range(place, len(ticks)) if crosses(position, at, ticks[n])), len(ticks)
    )
