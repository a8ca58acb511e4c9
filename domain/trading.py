"""Spot trades: buy shares from the house or sell them back.

Every rounding goes against the user, fees go to the treasury, and a refusal changes nothing.
Twin of lua/trade_execute.lua. Source: docs/market.md, "In play", "Trades" and "Refusals".
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from .halts import stops_closing, stops_opening
from .ids import InstrumentIdx, UserId
from .instrument import Instrument
from .money import AMOUNT_MAX, QTY_PER_SHARE
from .portfolio import Holding, Wallet, aside_e4, money_refusal
from .positions import Direction
from .pricing import PPM, average_buy, average_sell, ceil_div
from .refusals import Refusal, Refused
from .ticks import ticked

__all__ = [
    "Execution",
    "Fill",
    "Order",
    "Priced",
    "Refusal",
    "Refused",
    "Side",
    "bound_refusal",
    "execute",
    "price_of",
    "priced",
    "quantity_for_notional",
]


class Side(StrEnum):
    """Which way the user trades."""

    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Order:
    """All or nothing: *qty* (1e-3 share) at an average no worse than *bound_px* (1e-4 coin)."""

    user: UserId
    idx: InstrumentIdx
    side: Side
    qty: int
    bound_px: int | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """What a quantity costs or yields now: average price, value and fee (on top), in 1e-4 coin."""

    px: int
    value_e4: int
    fee_e4: int


@dataclass(frozen=True, slots=True)
class Execution:
    """A trade carried out: its price and everything it changed."""

    priced: Priced
    realized_e4: int
    instrument: Instrument
    wallet: Wallet
    treasury: Wallet
    holding: Holding


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade as its owner sees it.

    Prices and money in 1e-4 coin, quantities in 1e-3 share, ``at_ms`` calendar time. The ``_after``
    fields are the owner's cash and holding right after this trade.
    """

    trade_id: str
    user: UserId
    idx: InstrumentIdx
    side: Side
    qty: int
    px: int
    value_e4: int
    fee_e4: int
    realized_e4: int
    seq: int
    tick_id: str
    at_ms: int
    cash_after_e4: int
    qty_after: int
    cost_after_e4: int
    client_order_id: str | None = None


def priced(instrument: Instrument, side: Side | Direction, qty: int) -> Priced | Refused:
    """The price of *qty* now, or why the market would not trade it with anybody.

    A direction asks for a position to be opened, which is priced as the shares would be.
    """
    refused = _market_refusal(instrument, side, qty)
    return refused or price_of(instrument, _share_side(side), qty)


def execute(
    order: Order,
    instrument: Instrument,
    wallet: Wallet,
    treasury: Wallet,
    holding: Holding,
    *,
    long_qty: int = 0,
    waits: bool = False,
    now_ms: int,
) -> Execution | Refused:
    """*order* carried out at calendar time *now_ms* against the states given, or why not.

    *long_qty* (1e-3 share) is what the user is long of the same club: it counts as held.
    If it *waits* instead, in play, a purchase must leave as much free as it will set aside.
    """
    price = priced(instrument, order.side, order.qty)
    if isinstance(price, Refused):
        return price
    refused = bound_refusal(order.side, order.bound_px, price.px)
    held_qty = holding.qty + long_qty
    refused = refused or _shares_refusal(order, instrument, holding.qty, held_qty)
    if refused:
        return refused
    paid_e4 = _paid_e4(order.side, price)
    if order.side is Side.BUY:
        needed_e4 = aside_e4(paid_e4) if waits and instrument.in_play else paid_e4
        refused = money_refusal(wallet, needed_e4, Refusal.INSUFFICIENT_FUNDS)
        if refused:
            return refused
    wallet_after, treasury_after = wallet.moved(-paid_e4), treasury.moved(paid_e4)
    if wallet_after.cash_e4 > AMOUNT_MAX or abs(treasury_after.cash_e4) > AMOUNT_MAX:
        return Refused(Refusal.AMOUNT_LIMIT_EXCEEDED)
    holding_after, realized_e4 = _holding_after(order, price, holding)
    inventory = instrument.inventory + _signed(order.side, order.qty)
    return Execution(
        priced=price,
        realized_e4=realized_e4,
        instrument=ticked(replace(instrument, inventory=inventory), now_ms),
        wallet=wallet_after,
        treasury=treasury_after,
        holding=holding_after,
    )


def quantity_for_notional(instrument: Instrument, side: Side, notional_e4: int) -> int:
    """The largest quantity whose cost with fee, or proceeds after it, stay within *notional_e4*.

    In 1e-3 share; 0 if not even the smallest quantity fits. An amount that would buy more than the
    instrument's own largest order gives one unit more than that, which the order is then refused
    for. Halts and the smaller limit in play are left to the order too: if play ends before it is
    carried out, it must be for the whole amount.
    """
    fits, too_much = 0, instrument.order_max + 2
    while too_much - fits > 1:
        qty = (fits + too_much) // 2
        if abs(_paid_e4(side, price_of(instrument, side, qty))) <= notional_e4:
            fits = qty
        else:
            too_much = qty
    return fits


def price_of(instrument: Instrument, side: Side, qty: int) -> Priced:
    """What *qty* (1e-3 share) costs or yields now, whoever asks and however large it is."""
    average = average_buy if side is Side.BUY else average_sell
    px = average(
        instrument.index_px,
        instrument.inventory,
        instrument.depth,
        instrument.half_spread_now_ppm,
        qty,
    )
    # Bought: rounded up. Sold: rounded down. Always against the user.
    value_e4 = _signed(side, ceil_div(_signed(side, px * qty), QTY_PER_SHARE))
    return Priced(px, value_e4, ceil_div(value_e4 * instrument.fee_ppm, PPM))


def bound_refusal(side: Side, bound_px: int | None, px: int) -> Refused | None:
    """Why the average *px* is no good for who asked for no worse than *bound_px*."""
    if bound_px is None or _signed(side, px) <= _signed(side, bound_px):
        return None
    return Refused(Refusal.PRICE_BOUND_EXCEEDED, {"quoted_px": px})


def _market_refusal(instrument: Instrument, side: Side | Direction, qty: int) -> Refused | None:
    stops = stops_closing if side is Side.SELL else stops_opening
    if stops(instrument.halt):
        details = {"halt": int(instrument.halt), "phase": instrument.phase.value}
        return Refused(Refusal.MARKET_HALTED, details)
    if qty < 1:
        return Refused(Refusal.QUANTITY_INVALID)
    if qty > instrument.order_limit:
        return Refused(Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": instrument.order_limit})
    if side is Side.SELL:
        return None  # what the house has sold it takes back, always
    sold = instrument.short_interest
    if side is not Direction.SHORT:
        sold += instrument.inventory
    if qty > instrument.qcap - sold:
        return Refused(Refusal.LIQUIDITY_EXHAUSTED, {"available_qty": instrument.qcap - sold})
    return None


def _shares_refusal(
    order: Order, instrument: Instrument, own_qty: int, held_qty: int
) -> Refused | None:
    if order.side is Side.SELL:
        if order.qty > own_qty:
            return Refused(Refusal.INSUFFICIENT_SHARES, {"available_qty": own_qty})
        return None
    if held_qty + order.qty > instrument.user_cap:
        details = {"limit_qty": instrument.user_cap, "held_qty": held_qty}
        return Refused(Refusal.POSITION_LIMIT_EXCEEDED, details)
    return None


def _holding_after(order: Order, price: Priced, holding: Holding) -> tuple[Holding, int]:
    version = holding.version + 1
    if order.side is Side.BUY:
        bought = Holding(holding.qty + order.qty, holding.cost_e4 + price.value_e4, version)
        return bought, 0
    sold_cost_e4 = holding.cost_e4 * order.qty // holding.qty
    rest = Holding(holding.qty - order.qty, holding.cost_e4 - sold_cost_e4, version)
    return rest, price.value_e4 - sold_cost_e4


def _share_side(side: Side | Direction) -> Side:
    if isinstance(side, Side):
        return side
    return Side.BUY if side is Direction.LONG else Side.SELL


def _signed(side: Side, amount: int) -> int:
    return amount if side is Side.BUY else -amount


def _paid_e4(side: Side, price: Priced) -> int:
    # What the user pays the house; negative when the house pays. The fee is the user's both ways.
    return _signed(side, price.value_e4) + price.fee_e4
