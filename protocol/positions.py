"""The `data` of what the server says of positions, and of orders that wait.

Source: docs/protocol.md, "Positions" and "Orders in play".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Amount, Instant, Price, Quantity, TickId


class StopPrice(msgspec.Struct, frozen=True):
    """A stop-loss or a take-profit."""

    price: Price


class TrailingStop(msgspec.Struct, frozen=True):
    """A distance, and where it stands once it does."""

    distance: Price
    price: Price | None


class PositionState(msgspec.Struct, frozen=True, kw_only=True):
    """A position, open or closed."""

    position_id: str
    status: Literal["open", "closed"]
    instrument: int
    symbol: str
    side: Literal["long", "short"]
    quantity: Quantity
    quantity_opened: Quantity
    leverage: int
    entry_price: Price
    open_value: Amount
    margin: Amount
    liquidation_price: Price
    margin_call: bool
    stop_loss: StopPrice | None
    take_profit: StopPrice | None
    trailing_stop: TrailingStop | None
    fees: Amount
    realized_pnl: Amount
    version: int
    opened_at: Instant
    closed_at: Instant | None
    reason: str | None


class OpenPosition(PositionState, frozen=True, kw_only=True):
    """An open position with what it has gained at the published prices."""

    mark: Price
    closing_quote: Price
    unrealized_pnl: Amount


class Trigger(msgspec.Struct, frozen=True):
    """The tick that closed a position, and what it met."""

    tick: TickId
    tick_time: Instant
    quote: Price
    level: Price
    index: Price
    approximate: bool


class PositionHappened(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a position; of a close also why, and what was paid out."""

    event_id: str
    kind: Literal["open", "change", "close"]
    version: int
    by: str
    quantity: Quantity
    price: Price | None
    value: Amount
    fee: Amount
    margin: Amount
    seq: int
    tick: TickId
    executed_at: Instant
    cash_after: Amount
    locked_after: Amount
    client_order_id: str | None
    reason: str | msgspec.UnsetType | None = msgspec.UNSET
    pnl: Amount | msgspec.UnsetType = msgspec.UNSET
    payout: Amount | msgspec.UnsetType = msgspec.UNSET
    shortfall: Amount | msgspec.UnsetType = msgspec.UNSET
    trigger: Trigger | msgspec.UnsetType | None = msgspec.UNSET


class PositionChanged(msgspec.Struct, frozen=True):
    """A position right after an event, and the event."""

    status: Literal["filled", "changed"]
    position: PositionState
    event: PositionHappened


class MarginCalled(msgspec.Struct, frozen=True):
    """A position whose mark has gone three quarters of the way to its liquidation."""

    position: PositionState


class ReplayedClose(msgspec.Struct, frozen=True):
    """A position that was closed by a tick its owner missed."""

    position_id: str
    reason: str
    tick_time: Instant
    price: Price
    pnl: Amount


class Replayed(msgspec.Struct, frozen=True, rename={"since": "from"}):
    """What checking a user's positions against what they missed has found."""

    since: Instant | None
    to: Instant
    checked_ticks: int
    closed: tuple[ReplayedClose, ...]


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """Why an order that waited was rejected: the code and its members, as in a problem document."""

    code: str
    required: str | msgspec.UnsetType = msgspec.UNSET
    available: str | msgspec.UnsetType = msgspec.UNSET
    limit: str | int | msgspec.UnsetType = msgspec.UNSET
    held: Quantity | msgspec.UnsetType = msgspec.UNSET
    quoted_price: Price | msgspec.UnsetType = msgspec.UNSET
    liquidation_price: Price | msgspec.UnsetType = msgspec.UNSET
    halt_reasons: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET


class _OrderWaits(msgspec.Struct, tag_field="kind", frozen=True, kw_only=True):
    order_id: str
    status: Literal["pending", "rejected"]
    instrument: int
    symbol: str
    price_bound: Price | None
    reserved: Amount
    accepted_at: Instant
    release_at: Instant
    client_order_id: str | None
    rejected_at: Instant | msgspec.UnsetType = msgspec.UNSET
    problem: Rejection | msgspec.UnsetType = msgspec.UNSET


class TradeWaits(_OrderWaits, tag="trade", frozen=True, kw_only=True):
    """An order to buy or sell that waits in play, or has been rejected."""

    side: Literal["buy", "sell"]
    quantity: Quantity | None
    notional: Amount | None


class OpeningWaits(_OrderWaits, tag="open", frozen=True, kw_only=True):
    """An order to open a position that waits in play, or has been rejected."""

    side: Literal["long", "short"]
    quantity: Quantity
    leverage: int
    stop_loss: StopPrice | None
    take_profit: StopPrice | None
    trailing_stop: TrailingStop | None


class CloseWaits(_OrderWaits, tag="close", frozen=True, kw_only=True):
    """An order to close a position that waits in play, or has been rejected."""

    position_id: str
    quantity: Quantity | None


OrderWaits = TradeWaits | OpeningWaits | CloseWaits
