"""CFD positions: what one is, at which prices something happens to it, and what a tick does.

Long or short, a position compares its *closing quote*, the bid of a long and the ask of a short,
with its stops, and the mark with its liquidation price. A price between two ticks does not exist,
and a tick whose halt stops closing changes nothing.
Twin of lua/positions.lua. Source: docs/market.md, "Positions" and "What closes a position".
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from .halts import stops_closing
from .ids import InstrumentIdx, UserId
from .ticks import Glance, Tick

TRAIL_STEPS = 10  #: a trailing stop follows in steps of this part of its distance


class Direction(StrEnum):
    """Which way a position gains."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """1 if it gains with the price, -1 if against it."""
        return 1 if self is Direction.LONG else -1


class CloseReason(StrEnum):
    """What closed a position, or a part of it."""

    CLIENT = "client"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    LIQUIDATION = "liquidation"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Stops:
    """Orders attached to a position: two prices and a distance, in 1e-4 coin; None: not wanted."""

    stop_loss_px: int | None = None
    take_profit_px: int | None = None
    trail_px: int | None = None


NO_STOPS = Stops()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One position, open or closed.

    Attributes:
        qty: what is still open, 1e-3 share; 0 once closed. ``qty_open`` is what it began with.
        open_value_e4: entry value of what is still open; ``margin_e4`` is reserved for it.
        liquidation_px: mark at which it is closed; 0 if a long cannot get there.
        best_px: the best closing quote the trailing stop has followed to; None without one.
        checked_tick_id, checked_seq: ticks up to here have been checked against these stops.
        number: of its last event, from 1; clients know it as the version.
        warned: told of a margin call, and not recovered since.
        version: counts every mutation, for the way to Postgres.
    """

    id: str
    user: UserId
    idx: InstrumentIdx
    side: Direction
    qty_open: int
    qty: int
    leverage: int
    entry_px: int
    open_value_e4: int
    margin_e4: int
    liquidation_px: int
    stops: Stops = NO_STOPS
    best_px: int | None = None
    open_tick_id: str
    open_seq: int
    checked_tick_id: str
    checked_seq: int
    fees_e4: int = 0
    realized_e4: int = 0
    number: int = 1
    warned: bool = False
    opened_ms: int
    closed_ms: int | None = None
    reason: CloseReason | None = None
    version: int = 1

    @property
    def sign(self) -> int:
        """1 for a long, -1 for a short."""
        return self.side.sign

    @property
    def trailing_px(self) -> int | None:
        """Where the trailing stop stands."""
        if self.stops.trail_px is None or self.best_px is None:
            return None
        return self.best_px - self.sign * self.stops.trail_px

    @property
    def margin_call_px(self) -> int:
        """The mark three quarters of the way from entry to liquidation."""
        return self.liquidation_px + (self.entry_px - self.liquidation_px) // 4

    @property
    def relief_px(self) -> int:
        """The mark half-way back: a margin call is over there."""
        return self.liquidation_px + (self.entry_px - self.liquidation_px) // 2


@dataclass(frozen=True, slots=True)
class Levels:
    """The nearest prices at which something happens (1e-4 coin); between them nothing does.

    ``stop`` and ``gain`` are closing quotes on the losing and the winning side, ``loss`` and
    ``relief`` marks on the losing and the winning side.
    """

    stop: int | None
    gain: int | None
    loss: int | None
    relief: int | None


@dataclass(frozen=True, slots=True)
class Breach:
    """Why a tick closes a position: the price it was compared by, and with what (1e-4 coin)."""

    reason: CloseReason
    quote_px: int
    level_px: int


def closing_quote(position: Position, tick: Tick | Glance) -> int:
    """What *position* would be closed at by *tick*, size apart: the bid of a long, else the ask."""
    return tick.bid_px if position.side is Direction.LONG else tick.ask_px


def levels(position: Position) -> Levels:
    """Where *position* has to be looked at again; nothing moves a closed one."""
    if position.qty == 0:
        return Levels(None, None, None, None)
    sign, stops = position.sign, position.stops
    stop = _tighter(sign, stops.stop_loss_px, position.trailing_px)
    gain = _nearer(sign, stops.take_profit_px, _follow_px(position))
    if position.warned:
        return Levels(stop, gain, position.liquidation_px, position.relief_px)
    return Levels(stop, gain, position.margin_call_px, None)


def breach(position: Position, tick: Tick | Glance) -> Breach | None:
    """What *tick* closes the open *position* for: stop first, then profit, then liquidation."""
    if stops_closing(tick.halt):
        return None
    sign, quote = position.sign, closing_quote(position, tick)
    trailing = position.trailing_px
    stop = _tighter(sign, position.stops.stop_loss_px, trailing)
    if stop is not None and sign * quote <= sign * stop:
        kept = stop == position.stops.stop_loss_px
        return Breach(CloseReason.STOP_LOSS if kept else CloseReason.TRAILING_STOP, quote, stop)
    profit = position.stops.take_profit_px
    if profit is not None and sign * quote >= sign * profit:
        return Breach(CloseReason.TAKE_PROFIT, quote, profit)
    return liquidation(position, tick)


def liquidation(position: Position, tick: Tick | Glance) -> Breach | None:
    """The liquidation of *position* that *tick*, under no halt, asks for, whatever its stops."""
    if position.sign * tick.mark_px > position.sign * position.liquidation_px:
        return None
    return Breach(CloseReason.LIQUIDATION, tick.mark_px, position.liquidation_px)


def followed(position: Position, tick: Tick | Glance) -> Position:
    """The open *position* after a *tick* that did not close it: checked, followed, warned."""
    checked = replace(position, checked_tick_id=tick.id, checked_seq=tick.seq)
    if stops_closing(tick.halt):
        return checked
    sign, quote, follow = position.sign, closing_quote(position, tick), _follow_px(position)
    if follow is not None and sign * quote >= sign * follow:
        checked = replace(checked, best_px=quote)
    if position.warned and sign * tick.mark_px >= sign * position.relief_px:
        return replace(checked, warned=False)
    if not position.warned and sign * tick.mark_px <= sign * position.margin_call_px:
        return replace(checked, warned=True)
    return checked


def crosses(position: Position, at: Levels, tick: Tick | Glance) -> bool:
    """Whether anything happens to *position*, whose levels are *at*, at *tick*."""
    if stops_closing(tick.halt):
        return False
    sign, quote, mark = position.sign, closing_quote(position, tick), tick.mark_px
    return (
        (at.stop is not None and sign * quote <= sign * at.stop)
        or (at.gain is not None and sign * quote >= sign * at.gain)
        or (at.loss is not None and sign * mark <= sign * at.loss)
        or (at.relief is not None and sign * mark >= sign * at.relief)
    )


def _follow_px(position: Position) -> int | None:
    """The closing quote at which the trailing stop moves on."""
    if position.stops.trail_px is None or position.best_px is None:
        return None
    return position.best_px + position.sign * max(1, position.stops.trail_px // TRAIL_STEPS)


def _tighter(sign: int, fixed: int | None, trailing: int | None) -> int | None:
    """The stop that is met first; the fixed one where both are the same."""
    if fixed is None or trailing is None:
        return trailing if fixed is None else fixed
    return trailing if sign * trailing > sign * fixed else fixed


def _nearer(sign: int, one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return other if sign * other < sign * one else one
