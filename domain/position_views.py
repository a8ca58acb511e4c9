"""Positions and their events as clients see them.

Source: docs/market.md, "Positions" and "What clients see".
"""

from .clock import rfc3339
from .money import format_e4, format_px, format_qty
from .portfolio import OpenPosition
from .position_events import EventKind, PositionEvent, Trigger
from .positions import Position, Stops

View = dict[str, object]


def position_view(position: Position, symbol: str) -> View:
    """A position, open or closed, without what follows from the price of the moment."""
    closed_ms = position.closed_ms
    return {
        "position_id": position.id,
        "status": "open" if position.qty else "closed",
        "instrument": position.idx,
        "symbol": symbol,
        "side": position.side.value,
        "quantity": format_qty(position.qty),
        "quantity_opened": format_qty(position.qty_open),
        "leverage": position.leverage,
        "entry_price": format_px(position.entry_px),
        "open_value": format_e4(position.open_value_e4),
        "margin": format_e4(position.margin_e4),
        "liquidation_price": format_px(position.liquidation_px),
        "margin_call": position.warned,
        **stops_view(position.stops, position.trailing_px),
        "fees": format_e4(position.fees_e4),
        "realized_pnl": format_e4(position.realized_e4),
        "version": position.number,
        "opened_at": rfc3339(position.opened_ms),
        "closed_at": None if closed_ms is None else rfc3339(closed_ms),
        "reason": position.reason.value if position.reason else None,
    }


def open_position_view(held: OpenPosition) -> View:
    """An open position with what it has gained at the published prices."""
    return {
        **position_view(held.position, held.symbol),
        "mark": format_px(held.mark_px),
        "closing_quote": format_px(held.closing_px),
        "unrealized_pnl": format_e4(held.unrealized_e4),
    }


def event_view(event: PositionEvent) -> View:
    """What happened to a position; of a close also why, and what was paid out."""
    view: View = {
        "event_id": event.id,
        "kind": event.kind.value,
        "version": event.position.number,
        "by": event.by.value,
        "quantity": format_qty(event.qty),
        "price": None if event.px is None else format_px(event.px),
        "value": format_e4(event.value_e4),
        "fee": format_e4(event.fee_e4),
        "margin": format_e4(event.margin_e4),
        "seq": event.seq,
        "tick": event.tick_id,
        "executed_at": rfc3339(event.at_ms),
        "cash_after": format_e4(event.cash_after_e4),
        "locked_after": format_e4(event.locked_after_e4),
        "client_order_id": event.client_order_id,
    }
    if event.kind is EventKind.CLOSE:
        view |= {
            "reason": event.reason.value if event.reason else None,
            "pnl": format_e4(event.pnl_e4),
            "payout": format_e4(event.payout_e4),
            "shortfall": format_e4(event.shortfall_e4),
            "trigger": _trigger_view(event.trigger) if event.trigger else None,
        }
    return view


def happened_view(event: PositionEvent, symbol: str) -> View:
    """The answer to a command on a position, and the ``data`` of its owner's push."""
    return {
        "status": "changed" if event.kind is EventKind.CHANGE else "filled",
        "position": position_view(event.position, symbol),
        "event": event_view(event),
    }


def stops_view(stops: Stops, trailing_px: int | None) -> View:
    """Stops as clients see them; *trailing_px* is where the trailing one stands, once it does."""
    trailing: View | None = None
    if stops.trail_px is not None:
        trailing = {
            "distance": format_px(stops.trail_px),
            "price": None if trailing_px is None else format_px(trailing_px),
        }
    return {
        "stop_loss": _price_view(stops.stop_loss_px),
        "take_profit": _price_view(stops.take_profit_px),
        "trailing_stop": trailing,
    }


def _price_view(px: int | None) -> View | None:
    return None if px is None else {"price": format_px(px)}


def _trigger_view(trigger: Trigger) -> View:
    return {
        "tick": trigger.tick_id,
        "tick_time": rfc3339(int(trigger.tick_id.partition("-")[0])),
        "quote": format_px(trigger.quote_px),
        "level": format_px(trigger.level_px),
        "index": format_px(trigger.index_px),
        "approximate": trigger.approximate,
    }
