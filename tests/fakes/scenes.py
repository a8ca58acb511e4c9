"""Random CFD positions and what surrounds them: quotes, wallets, the ticks since the last check.

Everything is within the limits of docs/market.md, "Units", and mostly a unit from where a rule
turns: stops at the quotes, liquidation at the mark, money that is just enough.
"""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.cfd import closing_px, exit_side
from touchline.domain.halts import Halt
from touchline.domain.instrument import (
    INDEX_PX_MAX,
    INDEX_PX_MIN,
    ORDER_MAX_MAX,
    Instrument,
    quoted,
)
from touchline.domain.margin import RUINED_AT, initial_margin, liquidation_px
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import CloseReason, Direction, Position, Stops
from touchline.domain.pricing import ceil_div
from touchline.domain.ticks import Tick
from touchline.domain.trading import price_of

from tests.fakes.exchange import ANN, ARS
from tests.fakes.markets import VERSION_MAX, instruments, within

PX_MAX = 15_450_000  #: the highest average there can be: index, impact and spread at their ends
OPEN_AT_MS = 1_000_000
MOSTLY_OPEN = st.sampled_from([0] * 14 + [4, 8, 16, 32, 48, 63])
#: Of ticks: those below 16 stop closing.
tick_halts = st.sampled_from([0] * 9 + [1, 2, 4, 8, 8, 16, 16, 32])
#: Around what is just enough: most often enough.
near = st.sampled_from([0, 0, 0, 1, 1, 10**6, -1])
#: Around where a price is met.
beside = st.sampled_from([0, 0, 1, -1, 2, -2, 100, -100, 20_000, -20_000])


@dataclass(frozen=True, slots=True)
class Scene:
    """A position of Ann's in ARS and all that a command on it reads.

    Attributes:
        ticks: what the stream holds, oldest first. ``watch``: id and seq the watcher has passed.
    """

    position: Position
    instrument: Instrument
    wallet: Wallet
    treasury: Wallet
    ticks: tuple[Tick, ...] = ()
    watch: tuple[str, int] | None = None


_sides = st.sampled_from(Direction)
_yes = st.booleans()
_rarely = st.integers(0, 29).map(lambda number: number == 29)
_third = st.integers(0, 2)
_fourth = st.integers(0, 3)
_eighth = st.integers(0, 7)
_reasons = st.sampled_from(CloseReason)


@st.composite
def wallets(draw: DrawFn, need_e4: int, locked_e4: int = 0) -> Wallet:
    """A wallet with at least *locked_e4* locked and *need_e4* about free, or any.

    Every other one has orders that wait.
    """
    free = max(0, need_e4 + draw(near)) if draw(_yes) else within(draw, 0, AMOUNT_MAX)
    locked = locked_e4 if draw(_yes) else within(draw, locked_e4, AMOUNT_MAX)
    version = within(draw, 0, VERSION_MAX)
    if draw(_yes):
        return Wallet(free, locked, version)
    reserved = within(draw, 0, 10**9)
    return Wallet(min(AMOUNT_MAX, free + reserved), locked, version, reserved, draw(_third))


@st.composite
def treasuries(draw: DrawFn) -> Wallet:
    """The house: owing as much as usual, or at its ends."""
    most = AMOUNT_MAX if draw(_rarely) else 10**12
    return Wallet(within(draw, -most, most), 0, within(draw, 0, VERSION_MAX))


@st.composite
def stops_at(draw: DrawFn, instrument: Instrument, side: Direction, liq_px: int) -> Stops:
    """Stops, most of which a position may have; some on the wrong side by a unit."""
    quote_px, sign = closing_px(side, instrument), side.sign
    far, off = within(draw, 1, 50_000), draw(beside)
    losing = (quote_px - sign * far, quote_px + off, liq_px + off)[draw(_third)]
    winning = (quote_px + sign * far, quote_px + sign * far, quote_px + off)[draw(_third)]
    spread_px = instrument.ask_px - instrument.bid_px
    distance = (2 * spread_px + abs(off), 2 * spread_px + off, 7, AMOUNT_MAX // 2)[draw(_fourth)]
    wanted = (losing, winning, distance)
    return Stops(*(max(1, px) if draw(_yes) else None for px in wanted))


@st.composite
def _standing(
    draw: DrawFn, halts: st.SearchStrategy[int], count: int
) -> tuple[Position, Instrument]:
    """A position *count* ticks after it was last checked, and its club."""
    side = draw(_sides)
    drawn = draw(instruments(halts=halts))
    qty = within(draw, 1, min(ORDER_MAX_MAX, drawn.qcap))
    seq = within(draw, count, VERSION_MAX)
    last_tick_id = f"{OPEN_AT_MS}-{count}"
    instrument = replace(
        _with_room(drawn, side, qty), seq=seq, last_tick_id=last_tick_id, ticked_ms=OPEN_AT_MS
    )
    quote_px = closing_px(side, instrument)
    entry_px = quote_px + draw(beside) if draw(_yes) else within(draw, 1, PX_MAX)
    entry_px = min(PX_MAX, max(1, entry_px))
    value_e4 = entry_px * qty
    oval_e4 = ceil_div(value_e4, 1000) if side is Direction.LONG else value_e4 // 1000
    leverage = within(draw, 1, 10)
    margin_e4 = _margin(draw, instrument, side, qty, oval_e4, leverage, entry_px)
    liq_px = liquidation_px(side, entry_px, margin_e4, qty)
    stops = draw(stops_at(instrument, side, liq_px))
    position = Position(
        id="p-1",
        user=ANN,
        idx=ARS,
        side=side,
        qty_open=within(draw, qty, ORDER_MAX_MAX),
        qty=qty,
        leverage=leverage,
        entry_px=entry_px,
        open_value_e4=oval_e4,
        margin_e4=margin_e4,
        liquidation_px=liq_px,
        stops=stops,
        best_px=_best_px(draw, side, stops, quote_px),
        open_tick_id=f"{OPEN_AT_MS}-0",
        open_seq=seq - count,
        checked_tick_id=f"{OPEN_AT_MS}-0",
        checked_seq=seq - count,
        fees_e4=within(draw, 0, AMOUNT_MAX // 2),
        realized_e4=within(draw, -(10**15), 10**15),
        number=within(draw, 1, VERSION_MAX),
        warned=draw(_yes),
        opened_ms=OPEN_AT_MS,
        version=within(draw, 1, VERSION_MAX),
    )
    return position, instrument


@st.composite
def scenes(draw: DrawFn, halts: st.SearchStrategy[int] = MOSTLY_OPEN, busy: int = 3) -> Scene:
    """A scene with up to *busy* ticks since the position was checked."""
    count = draw(_eighth) % (busy + 1)
    position, instrument = draw(_standing(halts, count))
    ticks = tuple(
        _tick(draw, position, instrument, position.checked_seq + n, n) for n in range(count + 1)
    )
    margin_e4 = position.margin_e4
    if draw(_rarely):
        position = replace(
            position,
            qty=0,
            margin_e4=0,
            open_value_e4=0,
            closed_ms=OPEN_AT_MS,
            reason=draw(_reasons),
        )
    watched = draw(_eighth) - 4
    return Scene(
        position,
        instrument,
        draw(wallets(margin_e4, locked_e4=margin_e4)),
        draw(treasuries()),
        ticks,
        (ticks[watched].id, ticks[watched].seq) if 0 <= watched <= count else None,
    )


def _tick(draw: DrawFn, position: Position, instrument: Instrument, seq: int, number: int) -> Tick:
    """Tick *seq*, whose prices are often a unit from what matters to *position*."""
    quote_px = closing_px(position.side, instrument)
    best_px, trail_px = position.best_px, position.stops.trail_px or 0
    quotes = (
        position.stops.stop_loss_px,
        position.stops.take_profit_px,
        position.trailing_px,
        None if best_px is None else best_px + position.sign * (trail_px // 10),
    )
    ruin_px = position.entry_px - position.sign * ceil_div(
        position.margin_e4 * RUINED_AT, max(1, position.qty)
    )
    deep_px = within(draw, 0, 2_000 * position.margin_e4 // max(1, position.qty))
    marks = (
        position.liquidation_px,
        position.margin_call_px,
        position.relief_px,
        ruin_px,
        ruin_px - position.sign * deep_px,  # where a shortfall is borne
    )
    closing = (quotes + (None,) * 4)[draw(_eighth)]
    closing = max(0, (quote_px if closing is None else closing) + draw(beside))
    mark = max(0, (marks + (instrument.mark_px,) * 3)[draw(_eighth)] + draw(beside))
    other = max(0, closing + position.sign * within(draw, 0, 30_000))
    bid, ask = (closing, other) if position.side is Direction.LONG else (other, closing)
    return Tick(
        id=f"{OPEN_AT_MS}-{number}",
        seq=seq,
        index_px=min(
            INDEX_PX_MAX, max(INDEX_PX_MIN, (quote_px, closing * 9 // 8, mark)[draw(_third)])
        ),
        inventory=instrument.inventory,
        bid_px=bid,
        ask_px=ask,
        mark_px=mark,
        mid_px=(bid + ask) // 2,
        why="feed",
        halt=Halt(draw(tick_halts)),
    )


def _best_px(draw: DrawFn, side: Direction, stops: Stops, quote_px: int) -> int | None:
    """Where the trailing stop has followed to: about the quote, or until it met the stop-loss."""
    if stops.trail_px is None:
        return None
    best_px = quote_px + draw(beside)
    if stops.stop_loss_px is not None and draw(_fourth) == 3:
        best_px = stops.stop_loss_px + side.sign * stops.trail_px
    return max(1, best_px)


def _with_room(instrument: Instrument, side: Direction, qty: int) -> Instrument:
    """*instrument* in which *qty* is open on *side*."""
    shorts, inventory = instrument.short_interest, instrument.inventory
    if side is Direction.SHORT:
        shorts = max(shorts, qty)
        inventory = min(inventory, instrument.qcap - shorts)
    else:
        inventory = max(inventory, qty - shorts)
    return quoted(replace(instrument, short_interest=shorts, inventory=inventory))


def _margin(
    draw: DrawFn,
    instrument: Instrument,
    side: Direction,
    qty: int,
    oval_e4: int,
    leverage: int,
    entry_px: int,
) -> int:
    """The initial margin, what closing would lose, or what puts liquidation at the mark; or any."""
    exit_ = price_of(instrument, exit_side(side), qty)
    lost_e4 = side.sign * (oval_e4 - exit_.value_e4)
    liquid_e4 = side.sign * (entry_px - instrument.mark_px) * qty // 500
    turns = (initial_margin(oval_e4, leverage), lost_e4, lost_e4 + exit_.fee_e4, liquid_e4)
    at_e4 = turns[draw(_fourth)] + draw(beside)
    if draw(_rarely):
        at_e4 = within(draw, 0, oval_e4)
    return min(oval_e4, max(0, at_e4))
