"""Orders that wait: in play an order is carried out some seconds after it was accepted.

Twin of lua/order_accept.lua and lua/order_done.lua. Source: docs/market.md, "In play".
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from .ids import InstrumentIdx, UserId
from .instrument import Instrument
from .portfolio import Wallet, money_refusal, positions_refusal
from .positions import Direction, Stops
from .refusals import Refusal, Refused
from .trading import Side

PENDING_MAX = 50  #: orders of one user that may wait at a time; lua/order_accept.lua has the same


class OrderKind(StrEnum):
    """What an order is to become."""

    TRADE = "trade"
    OPEN = "open"
    CLOSE = "close"


class OrderStatus(StrEnum):
    """Where an order stands; the last two are for good."""

    PENDING = "pending"
    FILLED = "filled"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class TradeTerms:
    """A trade as asked for: either *qty* (1e-3 share) or *notional_e4* (1e-4 coin) is given.

    *bound_px* is the user's own (1e-4 coin).
    """

    kind: ClassVar = OrderKind.TRADE
    side: Side
    qty: int | None
    notional_e4: int | None
    bound_px: int | None


@dataclass(frozen=True, slots=True)
class OpenTerms:
    """A position to be opened: *qty* in 1e-3 share, *bound_px* the worst entry (1e-4 coin)."""

    kind: ClassVar = OrderKind.OPEN
    side: Direction
    qty: int
    leverage: int
    bound_px: int | None
    stops: Stops


@dataclass(frozen=True, slots=True)
class CloseTerms:
    """A close by the owner: *qty* in 1e-3 share, None for all.

    *version* is what the position had to be at when the close was accepted; None: anything.
    """

    kind: ClassVar = OrderKind.CLOSE
    position_id: str
    qty: int | None
    bound_px: int | None
    version: int | None


Terms = TradeTerms | OpenTerms | CloseTerms
"""What was asked for, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedOrder:
    """An order that waits, or has waited. Times are calendar ms.

    Attributes:
        order_id: UUIDv7, also of the trade, the position or the close that it becomes.
        reserved_e4: what it sets aside of the cash while it waits, 1e-4 coin.
        refused: why it was rejected.
        done_ms: when it was filled or rejected.
    """

    order_id: str
    user: UserId
    idx: InstrumentIdx
    terms: Terms
    idem_key: str
    fingerprint: str
    client_order_id: str | None
    accepted_ms: int
    release_ms: int
    reserved_e4: int = 0
    status: OrderStatus = OrderStatus.PENDING
    refused: Refused | None = None
    done_ms: int | None = None

    @property
    def notional_e4(self) -> int | None:
        """The amount it is for, if it is for one."""
        return self.terms.notional_e4 if isinstance(self.terms, TradeTerms) else None

    @property
    def reserved_positions(self) -> int:
        """How many of the positions that its owner may have it sets aside while it waits."""
        return int(isinstance(self.terms, OpenTerms) and self.reserved_e4 > 0)

    @property
    def release_key(self) -> str:
        """The idempotency key it is carried out under."""
        return release_key(self.order_id)


def release_key(order_id: str) -> str:
    """The idempotency key an order is carried out under; no client's key has a colon."""
    return f"order:{order_id}"


def delay_now_ms(instrument: Instrument, delay_ms: int) -> int:
    """How long an order in *instrument* waits now, of the *delay_ms* that hold in play."""
    return delay_ms if instrument.in_play else 0


def accept(order: DelayedOrder, waiting: int, wallet: Wallet, positions: int) -> Wallet | Refused:
    """The owner's *wallet* once *order* waits, or why it cannot.

    Args:
        waiting: orders of the owner's that wait already.
        positions: how many the owner has open.
    """
    if waiting >= PENDING_MAX:
        return Refused(Refusal.TOO_MANY_PENDING_ORDERS)
    opens, lacking = order.reserved_positions > 0, Refusal.INSUFFICIENT_FUNDS
    refused = None
    if opens:
        refused, lacking = positions_refusal(wallet, positions), Refusal.INSUFFICIENT_MARGIN
    refused = refused or money_refusal(wallet, order.reserved_e4, lacking)
    return refused or wallet.reserving(order.reserved_e4, order.reserved_positions)


def given_back(order: DelayedOrder, wallet: Wallet) -> Wallet:
    """The owner's *wallet* once *order*, which has waited, is carried out or rejected."""
    return wallet.reserving(-order.reserved_e4, -order.reserved_positions)


def done(order: DelayedOrder, refused: Refused | None, traded: bool, now_ms: int) -> DelayedOrder:
    """*order* after its release; one that is done already stays as it is.

    A refusal of an order that has been *traded*, by a releaser that was too late to be told,
    does not count.
    """
    if order.status is not OrderStatus.PENDING:
        return order
    if refused is None or traded:
        return replace(order, status=OrderStatus.FILLED, done_ms=now_ms)
    return replace(order, status=OrderStatus.REJECTED, refused=refused, done_ms=now_ms)
