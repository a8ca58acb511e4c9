"""Events of CFD positions: what happened, why, and what it left.

Source: docs/market.md, "Positions".
"""

from dataclasses import dataclass
from enum import StrEnum

from .positions import CloseReason, Position


class EventKind(StrEnum):
    """What can happen to a position."""

    OPEN = "open"
    CHANGE = "change"
    CLOSE = "close"


class By(StrEnum):
    """Who made it happen: the owner, an admin, or whoever found the tick that closes it."""

    CLIENT = "client"
    STOP_WATCHER = "stop-watcher"
    RECONNECT_LISTENER = "margin-reconnect-listener"
    BACKSTOP_SWEEPER = "margin-backstop-sweeper"
    CHECK = "check"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Trigger:
    """The tick that closed a position.

    Attributes:
        quote_px: the price compared: bid, ask or mark. ``level_px``: with what.
        index_px: of the tick; the close was priced with it and the inventory of the moment.
        approximate: ticks before this one were no longer kept, so an earlier one may have breached.
    """

    tick_id: str
    quote_px: int
    level_px: int
    index_px: int
    approximate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEvent:
    """One event; ``position`` is as it was right after it.

    Money in 1e-4 coin, quantities in 1e-3 share, ``at_ms`` calendar time. ``qty`` was opened or
    closed, at ``px`` (None if nothing was traded). ``margin_e4`` was reserved, or released if
    negative. ``shortfall_e4`` is the loss the treasury bore. Only closes have ``reason``, only
    those by a tick ``trigger``.
    """

    kind: EventKind
    id: str
    position: Position
    qty: int
    px: int | None
    value_e4: int
    fee_e4: int
    pnl_e4: int
    shortfall_e4: int
    margin_e4: int
    by: By
    reason: CloseReason | None
    trigger: Trigger | None
    seq: int
    tick_id: str
    at_ms: int
    cash_after_e4: int
    locked_after_e4: int
    client_order_id: str | None

    @property
    def payout_e4(self) -> int:
        """Of a close: what the owner's cash grew by."""
        return self.pnl_e4 - self.margin_e4 - self.fee_e4
