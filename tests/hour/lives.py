"""The life of every position, told again from the ticks alone.

Nothing here uses the rules of the exchange: prices are compared with stops as a person with a list
of ticks and a pencil would, so that a mistake in those rules shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from touchline.domain.position_events import PositionEvent
from touchline.domain.positions import Position
from touchline.domain.ticks import Tick

CLOSING_HALTS = 0b1111
LATER = 200  #: ticks within which a watcher that is late meets an inventory of another size


@dataclass(frozen=True, slots=True)
class Wrong:
    """A position whose life does not fit the ticks."""

    position: str
    what: str


@dataclass(frozen=True, slots=True)
class Touch:
    """The tick at *at* in the list closes a position, because of *what*."""

    at: int
    what: str


def wrongs(events: Sequence[PositionEvent], ticks: Sequence[Tick], depth: int) -> Iterator[Wrong]:
    """What is wrong with the position that *events* (from its opening on) happened to.

    Args:
        ticks: all of its club's, oldest first, from before its opening to now.
        depth: the club's.
    """
    first = ticks[0].seq if ticks else 0
    for before, after in pairwise([*events, None]):
        assert before is not None
        if not before.position.qty:
            return
        upto = ticks[-1].seq if after is None else after.position.checked_seq
        if after is not None and after.trigger is not None:
            upto = next(t.seq for t in ticks if t.id == after.trigger.tick_id)
        stretch = ticks[before.position.checked_seq + 1 - first : upto + 1 - first]
        yield from _judged(before, after, stretch, depth)


def _judged(
    before: PositionEvent, after: PositionEvent | None, ticks: Sequence[Tick], depth: int
) -> Iterator[Wrong]:
    touch = first_touch(before, ticks, depth)
    name = before.position.id
    if after is None or after.trigger is None:
        if touch is not None:
            yield Wrong(name, f"still there after {touch.what} at {ticks[touch.at].id}")
    elif touch is None or touch.at != len(ticks) - 1:
        found = "none" if touch is None else f"{touch.what} at {ticks[touch.at].id}"
        closed = f"closed for {after.reason} at {after.trigger.tick_id}"
        yield Wrong(name, f"{closed}; the first breach was {found}")
    elif touch.what != after.reason:
        yield Wrong(name, f"closed for {after.reason} instead of {touch.what}")


def first_touch(event: PositionEvent, ticks: Sequence[Tick], depth: int) -> Touch | None:
    """The first of *ticks* that closes the position as *event* left it.

    A take-profit may pass: whether the whole quantity could be had at its price depended on the
    inventory of the moment it was tried. One that is the last of *ticks* counts.
    """
    life = _Life(event.position)
    for at, tick in enumerate(ticks):
        if tick.halt & CLOSING_HALTS:
            continue
        what = life.closed_by(tick)
        if what == "take_profit" and at < len(ticks) - 1:
            what = what if life.surely_had(ticks[at : at + LATER], depth) else None
        if what is not None:
            return Touch(at, what)
        life.follow(tick)
    return None


class _Life:
    def __init__(self, position: Position) -> None:
        self._p = position
        self._up = 1 if position.side == "long" else -1
        self._best = position.best_px

    def closed_by(self, tick: Tick) -> str | None:
        up, stops, quote = self._up, self._p.stops, self._quote(tick)
        fixed, trailing = stops.stop_loss_px, self._trailing()
        met = [px for px in (fixed, trailing) if px is not None and (quote - px) * up <= 0]
        if met:
            first = max(px * up for px in (fixed, trailing) if px is not None) * up
            return "stop_loss" if first == fixed else "trailing_stop"
        if stops.take_profit_px is not None and (quote - stops.take_profit_px) * up >= 0:
            return "take_profit"
        liquidated = (tick.mark_px - self._p.liquidation_px) * up <= 0
        return "liquidation" if liquidated else None

    def follow(self, tick: Tick) -> None:
        distance, quote = self._p.stops.trail_px, self._quote(tick)
        if distance is None or self._best is None:
            return
        if (quote - self._best) * self._up >= max(1, distance // 10):
            self._best = quote

    def surely_had(self, ticks: Sequence[Tick], depth: int) -> bool:
        """Whether the profit could be taken in full, whenever it was tried."""
        index, profit = ticks[0].index_px, self._p.stops.take_profit_px
        worst = min((self._quote(tick) - tick.index_px) * self._up for tick in ticks)
        impact = Fraction(index * self._p.qty, 2 * depth)
        return self._up * index + worst - impact - 2 >= self._up * (profit or 0)

    def _quote(self, tick: Tick) -> int:
        return tick.bid_px if self._up == 1 else tick.ask_px

    def _trailing(self) -> int | None:
        if self._p.stops.trail_px is None or self._best is None:
            return None
        return self._best - self._up * self._p.stops.trail_px
