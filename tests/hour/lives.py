"""The life of every position, told again from the ticks alone.

Which tick closes a position, and for what, is found without the rules of the exchange: prices are
compared with stops as a person with a list of ticks and a pencil would, so that a mistake in those
rules shows. Two things let such a tick pass (docs/decisions/0016 and docs/market.md, "What closes a
position"): a margin that does not cover the loss, and a take-profit that cannot be had at its
price. Both depend on the inventory of the moment at which the close was tried, and the ticks say
what that was: a tick may pass if there was such a moment, and not otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from touchline.domain.position_events import PositionEvent, Trigger
from touchline.domain.positions import Position
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import Tick

from .market import Market, Reach

CLOSING_HALTS = 0b1111
LATER = 500  #: ticks within which whoever is late has tried; some seconds of everybody's trades
MAY_PASS = frozenset({Refusal.TAKE_PROFIT_NOT_REACHABLE, Refusal.INSUFFICIENT_MARGIN})


@dataclass(frozen=True, slots=True)
class Wrong:
    """A position whose life does not fit the ticks."""

    position: str
    what: str


@dataclass(frozen=True, slots=True)
class Touch:
    """The tick at *place* closes a position, because of *what*."""

    place: int
    what: str


class Judge:
    """Looks at the positions of one club.

    Args:
        upto: the place of the last tick that had to be dealt with; None for the last there is.

    Attributes:
        passed: ticks that were let pass, by what a close would have been refused for.
    """

    def __init__(self, market: Market, upto: int | None = None) -> None:
        self._last = len(market.ticks) - 1 if upto is None else upto
        self.passed: Counter[str] = Counter()
        self._market = market

    def wrongs(self, events: Sequence[PositionEvent]) -> Iterator[Wrong]:
        """What is wrong with the position that *events* (from its opening on) happened to."""
        for before, after in pairwise([*events, None]):
            assert before is not None
            if not before.position.qty:
                return
            trigger = after and after.trigger
            if after is not None and trigger is not None:
                what = self._closed(before, after, trigger)
            else:
                what = self._kept(before, after)
            if what:
                yield Wrong(before.position.id, what)

    def _kept(self, before: PositionEvent, after: PositionEvent | None) -> str | None:
        """What is wrong with a position that no tick closed until *after*, or until now."""
        market = self._market
        start = market.place(before.position.checked_seq)
        end = self._last if after is None else market.place(after.position.checked_seq)
        if start is None or end is None:
            return "ticks of its life are missing"
        until = len(market.ticks) - 1 if after is None else end
        touch, _ = self._first_touch(before, range(start + 1, end + 1), until)
        return touch and f"still there after {touch.what} at {market.ticks[touch.place].id}"

    def _closed(self, before: PositionEvent, after: PositionEvent, trigger: Trigger) -> str | None:
        """What is wrong with the close *after*, by the tick of *trigger*."""
        market = self._market
        start = market.place(before.position.checked_seq)
        end, made = market.named(trigger.tick_id), market.place(after.seq)
        if start is None or end is None or made is None:
            return "ticks of its life are missing"
        # The close has made a tick itself, and was priced by what was there before.
        touch, life = self._first_touch(before, range(start + 1, end), made - 1)
        if touch is None:
            what = life.closed_by(market.ticks[end]) if start < end < made else None
            touch = Touch(end, what) if what else None
        if touch is None or touch.place != end:
            found = "none" if touch is None else f"{touch.what} at {market.ticks[touch.place].id}"
            closed = f"closed for {after.reason} at {trigger.tick_id}"
            return f"{closed}; the first breach was {found}"
        if touch.what != after.reason:
            return f"closed for {after.reason} instead of {touch.what}"
        return self._mispriced(life.position(), after, end, made - 1)

    def _mispriced(
        self, position: Position, after: PositionEvent, place: int, moment: int
    ) -> str | None:
        due = self._market.close(position, place, moment)
        if isinstance(due, Refused):
            return f"closed, and would have been refused with {due.code}"
        done, priced, breach, trigger = due.settlement, due.priced, due.breach, after.trigger
        assert done and priced and breach and trigger  # noqa: PT018 - for the types alone
        expected = {
            "price": (after.px, priced.px),
            "value": (after.value_e4, priced.value_e4),
            "fee": (after.fee_e4, done.fee_e4),
            "profit": (after.pnl_e4, done.pnl_e4),
            "shortfall": (after.shortfall_e4, done.shortfall_e4),
            "margin": (after.margin_e4, -done.margin_e4),
            "quote": (trigger.quote_px, breach.quote_px),
            "level": (trigger.level_px, breach.level_px),
            "index": (trigger.index_px, self._market.ticks[place].index_px),
        }
        wrong = [f"{name} {a} instead of {b}" for name, (a, b) in expected.items() if a != b]
        return "closed with " + ", ".join(wrong) if wrong else None

    def _first_touch(
        self, event: PositionEvent, places: range, until: int
    ) -> tuple[Touch | None, _Life]:
        """The first tick at *places* that had to close the position as *event* left it.

        *until* is the last moment at which the others can have been tried. Returns the position's
        life up to there as well.
        """
        life = _Life(event.position)
        for place in self._market.near(places.start, places.stop, life.reach):
            tick = self._market.ticks[place]
            what = life.closed_by(tick)
            if what is not None and not self._may_pass(life.position(), place, until):
                return Touch(place, what), life
            life.follow(tick)
        return None, life

    def _may_pass(self, position: Position, place: int, until: int) -> bool:
        """Whether there was a moment at which the tick at *place* could not close."""
        # That they are tried in their order need not be asked: where a tick cannot close, no
        # earlier one at a worse index can, and at a better one it could not have either.
        for moment in range(place, min(until, place + LATER) + 1):
            tried = self._market.close(position, place, moment)
            if isinstance(tried, Refused) and tried.code in MAY_PASS:
                self.passed[tried.code.value] += 1
                return True
        return False


class _Life:
    """One position between two of its events, with a trailing stop that follows."""

    def __init__(self, position: Position) -> None:
        self._p = position
        self._up = 1 if position.side == "long" else -1
        self._best = position.best_px
        self.reach = Reach(is_long=self._up == 1)
        self._set_reach()

    def position(self) -> Position:
        """As it is by now."""
        return replace(self._p, best_px=self._best)

    def closed_by(self, tick: Tick) -> str | None:
        if tick.halt & CLOSING_HALTS:
            return None
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
        if distance is None or self._best is None or tick.halt & CLOSING_HALTS:
            return
        if (quote - self._best) * self._up >= max(1, distance // 10):
            self._best = quote
            self._set_reach()

    def _set_reach(self) -> None:
        stops, step = self._p.stops, max(1, (self._p.stops.trail_px or 0) // 10)
        follows = None if self._trailing() is None else (self._best or 0) + self._up * step
        losing = [px for px in (stops.stop_loss_px, self._trailing()) if px is not None]
        winning = [px for px in (stops.take_profit_px, follows) if px is not None]
        low, high = (losing, winning) if self._up == 1 else (winning, losing)
        self.reach.low, self.reach.high = max(low, default=0), min(high, default=10**12)
        if self._up == 1:
            self.reach.mark_low = self._p.liquidation_px
        else:
            self.reach.mark_high = self._p.liquidation_px

    def _quote(self, tick: Tick) -> int:
        return tick.bid_px if self._up == 1 else tick.ask_px

    def _trailing(self) -> int | None:
        if self._p.stops.trail_px is None or self._best is None:
            return None
        return self._best - self._up * self._p.stops.trail_px
