"""What all commands on CFD positions have in common.

The house is the counterparty, as in spot trades, at the same prices: a position moves the price as
shares do. Source: docs/market.md, "Positions".
"""

from dataclasses import dataclass, replace

from .instrument import Instrument
from .margin import Settlement
from .money import AMOUNT_MAX
from .portfolio import Wallet
from .positions import Breach, Direction, Position, Stops
from .refusals import Refusal, Refused
from .trading import Priced, Side

SPREADS_MIN = 2  #: a trailing stop's least distance, in spreads


@dataclass(frozen=True, slots=True)
class Changed:
    """A command carried out: everything as it is afterwards, and what it came to.

    ``priced`` is None if nothing was traded, ``settlement`` unless something was closed, ``breach``
    unless a tick closed it.
    """

    position: Position
    instrument: Instrument
    wallet: Wallet
    treasury: Wallet
    priced: Priced | None = None
    settlement: Settlement | None = None
    breach: Breach | None = None


def stops_refusal(position: Position, stops: Stops, instrument: Instrument) -> Refused | None:
    """Why *position* cannot have *stops* at the quotes of *instrument*."""
    sign, quote_px = position.sign, closing_px(position.side, instrument)
    details = {"quoted_px": quote_px, "liquidation_px": position.liquidation_px}
    stop_px, profit_px = stops.stop_loss_px, stops.take_profit_px
    least_px = SPREADS_MIN * (instrument.ask_px - instrument.bid_px)
    # A stop at the quote is met at once: in play it would be a close that does not wait.
    room_px = least_px if instrument.in_play else 1
    if stop_px is not None and not (
        sign * position.liquidation_px <= sign * stop_px <= sign * quote_px - room_px
    ):
        return Refused(Refusal.STOP_LOSS_PRICE_INVALID, details)
    if profit_px is not None and sign * profit_px < sign * quote_px + room_px:
        return Refused(Refusal.TAKE_PROFIT_PRICE_INVALID, {"quoted_px": quote_px})
    if stops.trail_px is not None and stops.trail_px < least_px:
        return Refused(Refusal.STOP_DISTANCE_TOO_SMALL, {"limit_px": least_px})
    return None


def closed_refusal(position: Position) -> Refused:
    """What anybody is told who wants something of the closed *position*."""
    return Refused(Refusal.POSITION_CLOSED, {"reason": position.reason or ""})


def halt_refusal(instrument: Instrument) -> Refused:
    details = {"halt": int(instrument.halt), "phase": instrument.phase.value}
    return Refused(Refusal.MARKET_HALTED, details)


def moved(changed: Changed, *, cash_e4: int, locked_e4: int) -> Changed | Refused:
    """*changed* with what the owner's wallet gains; the treasury gives it."""
    wallet, treasury = changed.wallet, changed.treasury
    after, house = wallet.moved(cash_e4, locked_e4), treasury.moved(-cash_e4 - locked_e4)
    if max(after.cash_e4, after.locked_e4, abs(house.cash_e4)) > AMOUNT_MAX:
        return Refused(Refusal.AMOUNT_LIMIT_EXCEEDED)
    return replace(changed, wallet=after, treasury=house)


def with_sold(instrument: Instrument, side: Direction, qty: int) -> Instrument:
    """*instrument* after the house has sold *qty* more to longs, or bought it of shorts."""
    short = qty if side is Direction.SHORT else 0
    return replace(
        instrument,
        inventory=instrument.inventory + side.sign * qty,
        short_interest=instrument.short_interest + short,
    )


def closing_px(side: Direction, instrument: Instrument) -> int:
    return instrument.bid_px if side is Direction.LONG else instrument.ask_px


def entry_side(side: Direction) -> Side:
    return Side.BUY if side is Direction.LONG else Side.SELL


def exit_side(side: Direction) -> Side:
    return Side.SELL if side is Direction.LONG else Side.BUY
