"""What a user is told on ``portfolio:{uid}`` the moment it happens.

Source: docs/market.md, "What clients see".
"""

from dataclasses import dataclass
from typing import assert_never

from .orders import DelayedOrder
from .position_events import EventKind, PositionEvent
from .positions import CloseReason, Position
from .trading import Fill


@dataclass(frozen=True, slots=True)
class FillPush:
    """The user's order was filled in the instrument called *symbol*."""

    fill: Fill
    symbol: str


@dataclass(frozen=True, slots=True)
class WalletPush:
    """Money came in other than by trading; all in 1e-4 coin, cash and locked afterwards."""

    kind: str
    amount_e4: int
    cash_e4: int
    locked_e4: int


@dataclass(frozen=True, slots=True)
class OrderPush:
    """The user's order waits from now on, or was rejected at its release."""

    order: DelayedOrder
    symbol: str


@dataclass(frozen=True, slots=True)
class PositionPush:
    """A position of the user's in *symbol* was opened, changed, or closed as a whole or in part."""

    event: PositionEvent
    symbol: str


@dataclass(frozen=True, slots=True)
class MarginCallPush:
    """The mark has gone three quarters of the way to the position's liquidation price."""

    position: Position
    symbol: str


@dataclass(frozen=True, slots=True)
class ReplayedClose:
    """A position that was closed by a tick the user missed; price and profit in 1e-4 coin."""

    position_id: str
    reason: CloseReason
    tick_ms: int
    px: int
    pnl_e4: int


@dataclass(frozen=True, slots=True)
class ReplayPush:
    """The user's positions were checked against what they missed, calendar ms *from* to *to*.

    ``from_ms`` is None where it is not known since when the user was away.
    """

    from_ms: int | None
    to_ms: int
    closed: tuple[ReplayedClose, ...]
    checked_ticks: int


Push = FillPush | WalletPush | OrderPush | PositionPush | MarginCallPush | ReplayPush

_POSITION_NAMES = {
    EventKind.OPEN: "position_opened",
    EventKind.CHANGE: "position_updated",
    EventKind.CLOSE: "position_closed",
}


@dataclass(frozen=True, slots=True)
class PortfolioEvent:
    """Push number *seq* of one user; gaps in the numbers mean something was missed."""

    seq: int
    push: Push

    @property
    def name(self) -> str:
        """The event's name on the wire and for clients."""
        match self.push:
            case FillPush():
                return "fill"
            case WalletPush():
                return "wallet"
            case OrderPush(order):
                return f"order_{order.status.value}"
            case PositionPush(event):
                return _POSITION_NAMES[event.kind]
            case MarginCallPush():
                return "margin_call"
            case ReplayPush():
                return "replay"
            case _:
                assert_never(self.push)
