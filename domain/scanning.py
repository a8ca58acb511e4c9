"""Scanning: what ticks do to open positions, up to the first one that closes each.

Ticks are read in stretches, which all positions of a club share. A stretch knows how far its prices
reach, so positions that nothing happens to cost a few comparisons and not one a tick.
Source: docs/market.md, "What closes a position".
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from operator import attrgetter
from typing import NamedTuple

from .halts import stops_closing
from .positions import CloseReason, Direction, Levels, Position, breach, followed, levels
from .ticks import Glance

_SEQ = attrgetter("seq")


class Cursor(NamedTuple):
    """A tick up to which everything is known."""

    tick_id: str
    seq: int


class Reach(NamedTuple):
    """The lowest and the highest of one kind of price."""

    low: float
    high: float


NOWHERE = Reach(inf, -inf)  #: of no price at all


class Stretch:
    """Some of a club's ticks, oldest first, and how far the prices of those that count reach."""

    __slots__ = ("ask", "bid", "mark", "ticks")

    def __init__(self, ticks: Sequence[Glance]) -> None:
        self.ticks = ticks
        counting = [tick for tick in ticks if not (tick.halt and stops_closing(tick.halt))]
        self.bid = _reach([tick.bid_px for tick in counting])
        self.ask = _reach([tick.ask_px for tick in counting])
        self.mark = _reach([tick.mark_px for tick in counting])

    def after(self, seq: int) -> int:
        """The place of the first tick later than number *seq*; the length if there is none."""
        return bisect_right(self.ticks, seq, key=_SEQ)

    def touches(self, side: Direction, at: Levels) -> bool:
        """Whether any tick may do something to a position whose levels are *at*."""
        if side is Direction.LONG:
            quote, mark = self.bid, self.mark
        else:
            quote, mark = _mirrored(self.ask), _mirrored(self.mark)
        stop, gain, loss, relief = _signed(side.sign, at)
        return quote.low <= stop or quote.high >= gain or mark.low <= loss or mark.high >= relief


@dataclass(frozen=True, slots=True)
class Course:
    """An open position on its way through the ticks.

    Attributes:
        position: as the ticks have left it; it is another object once one has.
        cursor: the last tick looked at.
        follow_tick_id: the last tick its trailing stop followed to; None if to none.
        closing: the first tick that closes it; the course ends before it.
        gap: ticks were missing on the way.
        refused_px: index (1e-4 coin) at which its take-profit could not be had; None if unasked.
    """

    position: Position
    cursor: Cursor
    follow_tick_id: str | None = None
    closing: Glance | None = None
    gap: bool = False
    refused_px: int | None = None


def advanced(course: Course, stretch: Stretch) -> Course:
    """*course* after the ticks of *stretch* that it has not seen, or up to the one that closes."""
    ticks, seen = stretch.ticks, course.cursor.seq
    start = stretch.after(seen)
    if start == len(ticks) or course.closing:
        return course
    end = len(ticks)
    if stretch.touches(course.position.side, levels(course.position)):
        course, end = _walked(course, ticks, start)
    looked_at = end + (course.closing is not None)
    cursor = Cursor(ticks[end - 1].id, ticks[end - 1].seq) if end > start else course.cursor
    missing = ticks[looked_at - 1].seq - seen > looked_at - start
    return replace(course, cursor=cursor, gap=course.gap or missing)


def passed(course: Course) -> Course:
    """*course* beyond its closing tick, whose take-profit could not be had: it stays armed.

    Raises:
        ValueError: no tick closes it.
    """
    tick = course.closing
    if tick is None:
        raise ValueError("nothing to pass")
    after = followed(course.position, tick)
    follow = after.best_px != course.position.best_px
    return replace(
        course,
        position=after,
        cursor=Cursor(tick.id, tick.seq),
        follow_tick_id=tick.id if follow else course.follow_tick_id,
        closing=None,
        refused_px=tick.index_px,
    )


def _walked(course: Course, ticks: Sequence[Glance], place: int) -> tuple[Course, int]:
    """*course* as the ticks from *place* on leave it, and where the one that closes it is."""
    position, follow_tick_id, at = course.position, course.follow_tick_id, levels(course.position)
    while (place := _first_met(position.side, at, ticks, place)) < len(ticks):
        tick = ticks[place]
        if _closes(position, tick, course.refused_px):
            return replace(
                course, position=position, follow_tick_id=follow_tick_id, closing=tick
            ), place
        after = followed(position, tick)
        if after.best_px != position.best_px:
            follow_tick_id = tick.id
        position, at, place = after, levels(after), place + 1
    return replace(course, position=position, follow_tick_id=follow_tick_id), place


def _closes(position: Position, tick: Glance, refused_px: int | None) -> bool:
    why = breach(position, tick)
    if why is None:
        return False
    if why.reason is not CloseReason.TAKE_PROFIT or refused_px is None:
        return True
    # Who closes pays or gets the inventory of now, whatever that tick's was: at an index that is
    # no better than one refused a moment ago the answer would be the same.
    return position.sign * tick.index_px > position.sign * refused_px


def _first_met(side: Direction, at: Levels, ticks: Sequence[Glance], place: int) -> int:
    """Where the first tick from *place* on is at which something happens; the length if nowhere."""
    sign, long = side.sign, side is Direction.LONG
    stop, gain, loss, relief = _signed(sign, at)
    for at_place in range(place, len(ticks)):
        tick = ticks[at_place]
        quote, mark = sign * (tick.bid_px if long else tick.ask_px), sign * tick.mark_px
        met = quote <= stop or quote >= gain or mark <= loss or mark >= relief
        if met and not stops_closing(tick.halt):
            return at_place
    return len(ticks)


def _signed(sign: int, at: Levels) -> tuple[float, float, float, float]:
    """Levels as for a long; those that are not there are out of reach."""
    return (
        -inf if at.stop is None else sign * at.stop,
        inf if at.gain is None else sign * at.gain,
        -inf if at.loss is None else sign * at.loss,
        inf if at.relief is None else sign * at.relief,
    )


def _reach(prices: Sequence[int]) -> Reach:
    return Reach(min(prices), max(prices)) if prices else NOWHERE


def _mirrored(reach: Reach) -> Reach:
    return Reach(-reach.high, -reach.low)
