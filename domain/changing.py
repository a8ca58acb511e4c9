"""Changing open CFD positions: their stops and their margin.

Both count from the present tick on: what happened before it is checked first, by the stops that
were in force. Twin of lua/position_modify.lua and lua/position_margin.lua.
Source: docs/market.md, "Changing a position".
"""

from dataclasses import replace

from .cfd import Changed, closed_refusal, closing_px, halt_refusal, moved, stops_refusal
from .halts import stops_closing
from .instrument import Instrument
from .margin import initial_margin, liquidation_px
from .portfolio import Wallet, money_refusal
from .positions import Position, Stops
from .refusals import Refusal, Refused


def restopped(
    position: Position, stops: Stops, instrument: Instrument, wallet: Wallet, treasury: Wallet
) -> Changed | Refused:
    """*position* with *stops* instead of its own, good from the next tick on, or why not.

    A trailing stop of another distance starts anew from the present quote.
    """
    refused = _change_refusal(position, instrument)
    refused = refused or stops_refusal(position, stops, instrument)
    if refused:
        return refused
    best_px = position.best_px
    if stops.trail_px is None:
        best_px = None
    elif stops.trail_px != position.stops.trail_px:
        best_px = closing_px(position.side, instrument)
    after = replace(changed_now(position, instrument), stops=stops, best_px=best_px)
    return moved(Changed(after, instrument, wallet, treasury), cash_e4=0, locked_e4=0)


def remargined(
    position: Position, amount_e4: int, instrument: Instrument, wallet: Wallet, treasury: Wallet
) -> Changed | Refused:
    """*position* with *amount_e4* more margin (less, if negative), or why not."""
    refused = _change_refusal(position, instrument)
    if refused:
        return refused
    margin_e4 = position.margin_e4 + amount_e4
    least_e4 = initial_margin(position.open_value_e4, position.leverage)
    if margin_e4 > position.open_value_e4 or (amount_e4 < 0 and margin_e4 < least_e4):
        room_e4 = position.open_value_e4 - position.margin_e4
        surplus_e4 = max(0, position.margin_e4 - least_e4)
        limit = {"limit_e4": room_e4 if amount_e4 > 0 else surplus_e4}
        return Refused(Refusal.MARGIN_LIMIT_EXCEEDED, limit)
    refused = money_refusal(wallet, amount_e4, Refusal.INSUFFICIENT_FUNDS)
    if refused:
        return refused
    liq_px = liquidation_px(position.side, position.entry_px, margin_e4, position.qty)
    checked = changed_now(position, instrument)
    after = replace(checked, margin_e4=margin_e4, liquidation_px=liq_px)
    if position.sign * instrument.mark_px <= position.sign * liq_px:
        return Refused(Refusal.INSUFFICIENT_MARGIN, {"liquidation_px": liq_px})
    stop_px = position.stops.stop_loss_px
    if stop_px is not None and position.sign * stop_px < position.sign * liq_px:
        return Refused(Refusal.STOP_LOSS_PRICE_INVALID, {"liquidation_px": liq_px})
    before = Changed(after, instrument, wallet, treasury)
    return moved(before, cash_e4=-amount_e4, locked_e4=amount_e4)


def changed_now(position: Position, instrument: Instrument) -> Position:
    return replace(
        position,
        checked_tick_id=instrument.last_tick_id,
        checked_seq=instrument.seq,
        number=position.number + 1,
        version=position.version + 1,
    )


def _change_refusal(position: Position, instrument: Instrument) -> Refused | None:
    if not position.qty:
        return closed_refusal(position)
    # A stop that the next price after the halt will hit must not be pulled meanwhile.
    return halt_refusal(instrument) if stops_closing(instrument.halt) else None
