"""The shapes clients see, the same over HTTP and WebSocket.

Prices, quantities and money are decimal strings, times RFC 3339 in UTC with milliseconds.
Source: docs/market.md, "What clients see".
"""

from typing import assert_never

from .candles import Candle
from .clock import rfc3339
from .halts import Halt, Phase, reasons
from .instrument import NO_TICK, Instrument
from .money import format_e4, format_px, format_qty
from .order_views import order_view
from .orders import delay_now_ms
from .portfolio import HeldShares, Portfolio
from .position_views import View, happened_view, open_position_view, position_view
from .pushes import (
    FillPush,
    MarginCallPush,
    OrderPush,
    PortfolioEvent,
    PositionPush,
    ReplayPush,
    WalletPush,
)
from .ticks import PriceTick, Tick
from .trading import Fill

__all__ = [
    "View",
    "account_view",
    "candle_view",
    "fill_view",
    "holding_view",
    "instrument_view",
    "portfolio_update_view",
    "portfolio_view",
    "price_snapshot_view",
    "price_update_view",
    "tick_view",
]


def instrument_view(instrument: Instrument) -> View:
    """One row of the instrument list; ``tick`` and ``ts`` are null before the first tick."""
    ticked = instrument.last_tick_id != NO_TICK
    return {
        "idx": instrument.idx,
        "symbol": instrument.symbol,
        "name": instrument.name,
        "bid": format_px(instrument.bid_px),
        "ask": format_px(instrument.ask_px),
        "mid": format_px(instrument.mid_px),
        "mark": format_px(instrument.mark_px),
        **_status(instrument.halt, instrument.phase),
        "seq": instrument.seq,
        "tick": instrument.last_tick_id if ticked else None,
        "ts": rfc3339(instrument.ticked_ms) if ticked else None,
    }


def market_view(instrument: Instrument, delay_ms: int) -> View:
    """An instrument with what an order in it may have, and how long it would wait, as it is now.

    *delay_ms* is what orders wait in play.
    """
    return {
        **instrument_view(instrument),
        "order_limit": format_qty(instrument.order_limit),
        "max_leverage": instrument.leverage_limit,
        "order_delay_ms": delay_now_ms(instrument, delay_ms),
    }


def price_snapshot_view(instrument: Instrument) -> View:
    """``data`` of a price channel's snapshot; its ``seq`` is ``instrument.seq``."""
    view = instrument_view(instrument)
    del view["seq"]
    return view


def price_update_view(tick: PriceTick) -> View:
    """``data`` of a price channel's update: absolute, so a later one replaces an earlier one."""
    return {
        "bid": format_px(tick.bid_px),
        "ask": format_px(tick.ask_px),
        "mid": format_px(tick.mid_px),
        "mark": format_px(tick.mark_px),
        **_status(tick.halt, tick.phase),
        "why": tick.why,
        "tick": tick.id,
        "ts": rfc3339(tick.at_ms),
    }


def tick_view(tick: Tick) -> View:
    """One raw tick, as fetched to fill a gap."""
    return {
        "tick": tick.id,
        "seq": tick.seq,
        "index": format_px(tick.index_px),
        "bid": format_px(tick.bid_px),
        "ask": format_px(tick.ask_px),
        "mid": format_px(tick.mid_px),
        "mark": format_px(tick.mark_px),
        "why": tick.why,
        "ts": rfc3339(int(tick.id.partition("-")[0])),
    }


def candle_view(candle: Candle) -> list[str]:
    """One candle as charts read it: its time, then open, high, low, close and volume."""
    prices = (candle.open_px, candle.high_px, candle.low_px, candle.close_px)
    return [rfc3339(candle.at_ms), *map(format_px, prices), format_qty(candle.volume)]


def portfolio_view(portfolio: Portfolio) -> View:
    """A portfolio snapshot; its ``seq`` is ``portfolio.seq``."""
    return {
        "account": account_view(portfolio),
        "holdings": [holding_view(line) for line in portfolio.lines],
        "positions": [open_position_view(held) for held in portfolio.positions],
    }


def account_view(portfolio: Portfolio) -> View:
    """The money part of a portfolio."""
    wallet, used_e4 = portfolio.wallet, portfolio.wallet.locked_e4
    return {
        "cash": format_e4(wallet.cash_e4),
        "locked": format_e4(wallet.locked_e4),
        "reserved": format_e4(wallet.reserved_e4),
        "equity": format_e4(portfolio.equity_e4),
        "margin_used": format_e4(used_e4),
        "margin_available": format_e4(wallet.free_e4),
        "margin_level_pct": _percent(portfolio.equity_e4, used_e4) if used_e4 else None,
        "unrealized_pnl": format_e4(portfolio.unrealized_e4),
    }


def holding_view(line: HeldShares) -> View:
    """One line of holdings."""
    return {
        "idx": line.idx,
        "symbol": line.symbol,
        "quantity": format_qty(line.holding.qty),
        "avg_cost": format_px(line.holding.average_cost_px),
        "mark": format_px(line.mark_px),
        "value": format_e4(line.value_e4),
        "pnl": format_e4(line.pnl_e4),
    }


def fill_view(fill: Fill, symbol: str) -> View:
    """The answer to a filled order, and the ``data`` of the owner's ``fill`` push."""
    return {
        "order_id": fill.trade_id,
        "status": "filled",
        "instrument": fill.idx,
        "symbol": symbol,
        "side": fill.side.value,
        "quantity": format_qty(fill.qty),
        "average_price": format_px(fill.px),
        "value": format_e4(fill.value_e4),
        "fee": format_e4(fill.fee_e4),
        "realized_pnl": format_e4(fill.realized_e4),
        "cash_after": format_e4(fill.cash_after_e4),
        "position_after": format_qty(fill.qty_after),
        "tick": fill.tick_id,
        "seq": fill.seq,
        "executed_at": rfc3339(fill.at_ms),
        "client_order_id": fill.client_order_id,
    }


def portfolio_update_view(event: PortfolioEvent) -> View:
    """``data`` of a portfolio channel's update; ``event.name`` and ``event.seq`` go beside it."""
    match event.push:
        case FillPush(fill, symbol):
            return fill_view(fill, symbol)
        case OrderPush(order, symbol):
            return order_view(order, symbol)
        case PositionPush(happened, symbol):
            return happened_view(happened, symbol)
        case MarginCallPush(position, symbol):
            return {"position": position_view(position, symbol)}
        case ReplayPush():
            return _replay_view(event.push)
        case WalletPush():
            return {
                "kind": event.push.kind,
                "amount": format_e4(event.push.amount_e4),
                "cash": format_e4(event.push.cash_e4),
                "locked": format_e4(event.push.locked_e4),
            }
        case _:
            assert_never(event.push)


def _percent(part: int, whole: int) -> str:
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _replay_view(replay: ReplayPush) -> View:
    return {
        "from": None if replay.from_ms is None else rfc3339(replay.from_ms),
        "to": rfc3339(replay.to_ms),
        "checked_ticks": replay.checked_ticks,
        "closed": [
            {
                "position_id": close.position_id,
                "reason": close.reason.value,
                "tick_time": rfc3339(close.tick_ms),
                "price": format_px(close.px),
                "pnl": format_e4(close.pnl_e4),
            }
            for close in replay.closed
        ],
    }


def _status(halt: Halt, phase: Phase) -> View:
    return {
        "status": "halted" if halt else "open",
        "halt_reasons": list(reasons(halt, phase)),
        "phase": phase.value,
    }
