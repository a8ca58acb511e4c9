"""Opening CFD positions: what the market says to each order.

Twin of lua/position_open.lua. Source: docs/market.md, "Positions", "Margin" and "Refusals".
"""

from dataclasses import dataclass

from .cfd import Changed, closing_px, entry_side, moved, stops_refusal, with_sold
from .ids import InstrumentIdx, UserId
from .instrument import Instrument
from .margin import initial_margin, liquidation_px
from .portfolio import POSITIONS_MAX, Wallet, aside_e4, money_refusal, positions_refusal
from .positions import NO_STOPS, Direction, Position, Stops
from .refusals import Refusal, Refused
from .ticks import ticked
from .trading import Priced, bound_refusal, priced

__all__ = [
    "POSITIONS_MAX",
    "Exposure",
    "Offer",
    "OpenOrder",
    "highest_leverage",
    "offered",
    "opened",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """*qty* (1e-3 share) long or short at no worse than *bound_px*, with stops from the start."""

    position_id: str
    user: UserId
    idx: InstrumentIdx
    side: Direction
    qty: int
    leverage: int
    bound_px: int | None = None
    stops: Stops = NO_STOPS


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a user has in one instrument (1e-3 share), and how many positions in all."""

    held_qty: int = 0
    long_qty: int = 0
    short_qty: int = 0
    positions: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """What the market would give anybody: the position, its price, and the club after it."""

    position: Position
    priced: Priced
    instrument: Instrument


def highest_leverage(instrument: Instrument, side: Direction, qty: int) -> int:
    """The highest leverage at which *qty* more (1e-3 share, positive) may be opened on *side*.

    The fuller a side is, the further its closes move the price, so the more each must have behind
    it: what closes at a loss beyond its margin, because others close, is paid by the house.
    """
    interest = instrument.short_interest + qty
    if side is Direction.LONG:
        interest += instrument.inventory
    return max(1, min(instrument.leverage_limit, instrument.qcap // interest))


def offered(order: OpenOrder, instrument: Instrument, *, now_ms: int) -> Offer | Refused:
    """What *order* would become at calendar time *now_ms*, or why the market has nothing such.

    Nobody's money, limits or other positions are looked at.
    """
    price = priced(instrument, order.side, order.qty)
    if isinstance(price, Refused):
        return price
    highest = highest_leverage(instrument, order.side, order.qty)
    if not 1 <= order.leverage <= highest:
        return Refused(Refusal.LEVERAGE_INVALID, {"limit_leverage": highest})
    refused = bound_refusal(entry_side(order.side), order.bound_px, price.px)
    if refused:
        return refused
    after = ticked(with_sold(instrument, order.side, order.qty), now_ms)
    position = _fresh(order, price, after, now_ms)
    refused = stops_refusal(position, position.stops, after)
    refused = refused or _liquid_refusal(position, after)
    return refused or Offer(position, price, after)


def opened(
    order: OpenOrder,
    instrument: Instrument,
    wallet: Wallet,
    treasury: Wallet,
    exposure: Exposure,
    *,
    waits: bool = False,
    now_ms: int,
) -> Changed | Refused:
    """*order* carried out at calendar time *now_ms*, or why not.

    If it *waits* instead, in play, it must leave as much free as it will set aside.
    """
    offer = offered(order, instrument, now_ms=now_ms)
    if isinstance(offer, Refused):
        return offer
    price, position = offer.priced, offer.position
    margin_e4 = position.margin_e4
    needed_e4 = margin_e4 + price.fee_e4
    if waits and instrument.in_play:
        needed_e4 = aside_e4(needed_e4)
    refused = (
        positions_refusal(wallet, exposure.positions)
        or _limit_refusal(order, instrument, exposure)
        or money_refusal(wallet, needed_e4, Refusal.INSUFFICIENT_MARGIN)
    )
    if refused:
        return refused
    return moved(
        Changed(position, offer.instrument, wallet, treasury, price),
        cash_e4=-margin_e4 - price.fee_e4,
        locked_e4=margin_e4,
    )


def _fresh(order: OpenOrder, price: Priced, instrument: Instrument, now_ms: int) -> Position:
    margin_e4 = initial_margin(price.value_e4, order.leverage)
    return Position(
        id=order.position_id,
        user=order.user,
        idx=order.idx,
        side=order.side,
        qty_open=order.qty,
        qty=order.qty,
        leverage=order.leverage,
        entry_px=price.px,
        open_value_e4=price.value_e4,
        margin_e4=margin_e4,
        liquidation_px=liquidation_px(order.side, price.px, margin_e4, order.qty),
        stops=order.stops,
        best_px=None if order.stops.trail_px is None else closing_px(order.side, instrument),
        open_tick_id=instrument.last_tick_id,
        open_seq=instrument.seq,
        checked_tick_id=instrument.last_tick_id,
        checked_seq=instrument.seq,
        fees_e4=price.fee_e4,
        opened_ms=now_ms,
    )


def _liquid_refusal(position: Position, instrument: Instrument) -> Refused | None:
    # The next tick would close it, at whatever price others have made by then.
    if position.sign * instrument.mark_px > position.sign * position.liquidation_px:
        return None
    return Refused(Refusal.INSUFFICIENT_MARGIN, {"liquidation_px": position.liquidation_px})


def _limit_refusal(order: OpenOrder, instrument: Instrument, exposure: Exposure) -> Refused | None:
    # Each side by itself: who is long and short at once still moves the price with each close.
    held = exposure.short_qty
    if order.side is Direction.LONG:
        held = exposure.held_qty + exposure.long_qty
    if held + order.qty > instrument.user_cap:
        details = {"limit_qty": instrument.user_cap, "held_qty": held}
        return Refused(Refusal.POSITION_LIMIT_EXCEEDED, details)
    return None
