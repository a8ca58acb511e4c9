"""What is answered to orders and to commands on positions, and how both are shown later.

Source: docs/protocol.md, "Orders", "Orders in play", "Batches" and "Positions".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Amount, Instant, Price, Quantity, Seq, TickId
from .positions import (
    CloseWaits,
    OpeningWaits,
    PositionChanged,
    PositionHappened,
    PositionState,
    Rejection,
    StopPrice,
    TradeWaits,
    TrailingStop,
)
from .problems import Problem
from .shapes import FillMade

#: Where the outcome is kept; docs/protocol.md, "What `durable` says".
Durable = Literal["postgres", "redis"]


class OrderFilled(FillMade, frozen=True):
    """An order that was filled at once."""

    durable: Durable


class OrderPending(TradeWaits, tag="trade", frozen=True, kw_only=True):
    """An order that waits in play."""

    durable: Durable


class OpeningPending(OpeningWaits, tag="open", frozen=True, kw_only=True):
    """An order to open a position that waits in play."""

    durable: Durable


class ClosePending(CloseWaits, tag="close", frozen=True, kw_only=True):
    """An order to close a position that waits in play."""

    durable: Durable


class PositionAnswered(PositionChanged, frozen=True):
    """A position right after a command on it, and what happened."""

    durable: Durable


class PositionShown(PositionState, frozen=True, kw_only=True):
    """A position: open with what it has gained, or closed with the close that ended it."""

    mark: Price | msgspec.UnsetType = msgspec.UNSET
    closing_quote: Price | msgspec.UnsetType = msgspec.UNSET
    unrealized_pnl: Amount | msgspec.UnsetType = msgspec.UNSET
    close: PositionHappened | msgspec.UnsetType | None = msgspec.UNSET


class OrderShown(msgspec.Struct, frozen=True, kw_only=True):
    """An order with what became of it.

    `kind` and the members up to `problem` are those of an order that had to wait; from
    `average_price` on those of its trade, `position` and `event` those of what it did to a
    position.
    """

    order_id: str
    status: Literal["pending", "filled", "rejected"]
    instrument: int
    symbol: str
    client_order_id: str | None
    side: Literal["buy", "sell", "long", "short"] | msgspec.UnsetType = msgspec.UNSET
    quantity: Quantity | msgspec.UnsetType | None = msgspec.UNSET
    kind: Literal["trade", "open", "close"] | msgspec.UnsetType = msgspec.UNSET
    notional: Amount | msgspec.UnsetType | None = msgspec.UNSET
    leverage: int | msgspec.UnsetType = msgspec.UNSET
    stop_loss: StopPrice | msgspec.UnsetType | None = msgspec.UNSET
    take_profit: StopPrice | msgspec.UnsetType | None = msgspec.UNSET
    trailing_stop: TrailingStop | msgspec.UnsetType | None = msgspec.UNSET
    position_id: str | msgspec.UnsetType = msgspec.UNSET
    price_bound: Price | msgspec.UnsetType | None = msgspec.UNSET
    reserved: Amount | msgspec.UnsetType = msgspec.UNSET
    accepted_at: Instant | msgspec.UnsetType = msgspec.UNSET
    release_at: Instant | msgspec.UnsetType = msgspec.UNSET
    rejected_at: Instant | msgspec.UnsetType = msgspec.UNSET
    problem: Rejection | msgspec.UnsetType = msgspec.UNSET
    average_price: Price | msgspec.UnsetType = msgspec.UNSET
    value: Amount | msgspec.UnsetType = msgspec.UNSET
    fee: Amount | msgspec.UnsetType = msgspec.UNSET
    realized_pnl: Amount | msgspec.UnsetType = msgspec.UNSET
    cash_after: Amount | msgspec.UnsetType = msgspec.UNSET
    position_after: Quantity | msgspec.UnsetType = msgspec.UNSET
    tick: TickId | msgspec.UnsetType = msgspec.UNSET
    seq: Seq | msgspec.UnsetType = msgspec.UNSET
    executed_at: Instant | msgspec.UnsetType = msgspec.UNSET
    position: PositionState | msgspec.UnsetType = msgspec.UNSET
    event: PositionHappened | msgspec.UnsetType = msgspec.UNSET


class OrderOfBatch(OrderShown, frozen=True, kw_only=True):
    """An order of a batch, as it would have been answered alone."""

    durable: Durable


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The status that the order would have had alone, and either the order or the problem."""

    status: int
    order: OrderOfBatch | msgspec.UnsetType = msgspec.UNSET
    replayed: bool | msgspec.UnsetType = msgspec.UNSET
    problem: Problem | msgspec.UnsetType = msgspec.UNSET


class BatchResults(msgspec.Struct, frozen=True):
    """A result for each order of a batch, in their order."""

    results: tuple[BatchResult, ...]
