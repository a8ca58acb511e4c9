"""Closing CFD positions: by their owners, or because of a tick.

Twin of lua/position_close.lua. Source: docs/market.md, "What closes a position" and "Refusals".
"""

from dataclasses import replace

from .cfd import Changed, closed_refusal, exit_side, halt_refusal, moved, with_sold
from .halts import stops_closing
from .instrument import Instrument
from .margin import Settlement, bearable_e4, liquidation_px, settle
from .portfolio import Wallet
from .positions import CloseReason, Position, breach, liquidation
from .refusals import Refusal, Refused
from .ticks import Tick, ticked
from .trading import Priced, bound_refusal, price_of


def closed(
    position: Position,
    instrument: Instrument,
    wallet: Wallet,
    treasury: Wallet,
    *,
    qty: int,
    bound_px: int | None = None,
    now_ms: int,
    reason: CloseReason = CloseReason.CLIENT,
) -> Changed | Refused:
    """*qty* of *position* closed by its owner now, or by an admin, or why not."""
    if not position.qty:
        return closed_refusal(position)
    if qty < 1:
        return Refused(Refusal.QUANTITY_INVALID)
    if qty > position.qty:
        return Refused(Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": position.qty})
    if stops_closing(instrument.halt):
        return halt_refusal(instrument)
    price = price_of(instrument, exit_side(position.side), qty)
    refused = bound_refusal(exit_side(position.side), bound_px, price.px)
    if refused:
        return refused
    # What stays open keeps its stops, but not its liquidation price to the last unit: it must not
    # be compared with the ticks before this one again.
    checked = replace(position, checked_tick_id=instrument.last_tick_id, checked_seq=instrument.seq)
    before = Changed(checked, instrument, wallet, treasury)
    return _settled(before, price, qty, None, now_ms, reason)


def triggered(
    position: Position,
    instrument: Instrument,
    wallet: Wallet,
    treasury: Wallet,
    tick: Tick,
    *,
    now_ms: int,
) -> Changed | Refused:
    """All of *position* closed because of *tick*, at its index and the inventory of now."""
    if not position.qty:
        return closed_refusal(position)
    if tick.seq <= position.checked_seq:
        return Refused(Refusal.TICK_CHECKED)
    why = breach(position, tick)
    if why is None:
        return Refused(Refusal.NOT_BREACHED)
    at_tick = replace(instrument, index_px=tick.index_px)
    price = price_of(at_tick, exit_side(position.side), position.qty)
    sign, profit_px = position.sign, position.stops.take_profit_px
    if why.reason is CloseReason.TAKE_PROFIT and sign * price.px < sign * (profit_px or 0):
        # A profit that cannot be had is no shield.
        why = liquidation(position, tick)
    if why is None:
        return Refused(Refusal.TAKE_PROFIT_NOT_REACHABLE, {"quoted_px": price.px})
    before = Changed(position, instrument, wallet, treasury, breach=why)
    return _settled(before, price, position.qty, tick, now_ms, why.reason)


def _settled(
    before: Changed, price: Priced, qty: int, tick: Tick | None, now_ms: int, reason: CloseReason
) -> Changed | Refused:
    position = before.position
    done = settle(position, qty, price.value_e4, before.instrument.fee_ppm)
    refused = _cover_refusal(position, done, tick)
    if refused:
        return refused
    after = replace(
        position,
        qty=position.qty - qty,
        margin_e4=position.margin_e4 - done.margin_e4,
        open_value_e4=position.open_value_e4 - done.open_value_e4,
        fees_e4=position.fees_e4 + done.fee_e4,
        realized_e4=position.realized_e4 + done.pnl_e4,
        number=position.number + 1,
        version=position.version + 1,
    )
    if after.qty:
        liq_px = liquidation_px(after.side, after.entry_px, after.margin_e4, after.qty)
        after = replace(after, liquidation_px=liq_px)
    else:
        after = replace(after, closed_ms=now_ms, reason=reason)
    instrument = ticked(with_sold(before.instrument, position.side, -qty), now_ms)
    return moved(
        replace(before, position=after, instrument=instrument, priced=price, settlement=done),
        cash_e4=done.payout_e4,
        locked_e4=-done.margin_e4,
    )


def _cover_refusal(position: Position, done: Settlement, tick: Tick | None) -> Refused | None:
    """Why a close that its margin does not cover is not for now.

    The mark follows trades hardly at all, the price of a close follows them all the way: whoever
    presses it down could otherwise have the house pay what the owner's margin does not.
    """
    if tick is None:
        covered = not done.shortfall_e4 + done.waived_e4
    else:
        covered = done.shortfall_e4 <= bearable_e4(position, tick.mark_px)
    if covered:
        return None
    required_e4 = done.margin_e4 + done.shortfall_e4 + done.waived_e4
    details = {"required_e4": required_e4, "available_e4": done.margin_e4}
    return Refused(Refusal.INSUFFICIENT_MARGIN, details)
