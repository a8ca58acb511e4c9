"""What goes into the scripts and what comes out, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..domain.ids import InstrumentIdx, UserId
from ..domain.orders import DelayedOrder, TradeTerms
from ..domain.refusals import Refused
from ..domain.trading import Fill, Side
from .keys import OutboxName
from .position_commands import Happened, PositionCommand, PositionOutcome


@dataclass(frozen=True, slots=True)
class TradeCommand:
    """One order as ``trade_execute.lua`` takes it.

    Attributes:
        trade_id: UUIDv7 the trade will have if it happens.
        qty: 1e-3 share. ``bound_px``: worst average accepted, 1e-4 coin.
        idem_key: the client's idempotency key, remembered for 24 h (real time).
        fingerprint: digest of the request; another one under the same key is refused.
        now_ms: calendar time.
        delay_ms: how long it waits if it is in play; 0: not at all.
        asked: what the user asked for, if that is not *qty* and *bound_px*.
        waited: whether it has waited; its client order id is reserved for it then.
        reserved_e4: what it had set aside while it waited, 1e-4 coin.
        paused: whether new trades pause: a purchase that was not made before is refused then.
    """

    trade_id: str
    user: UserId
    idx: InstrumentIdx
    side: Side
    qty: int
    bound_px: int | None
    idem_key: str
    fingerprint: str
    client_order_id: str | None
    now_ms: int
    delay_ms: int = 0
    asked: TradeTerms | None = None
    waited: bool = False
    reserved_e4: int = 0
    paused: bool = False

    @property
    def notional_e4(self) -> int | None:
        """The amount that was asked for, if it was one; all of it is set aside while it waits."""
        return self.asked.notional_e4 if self.asked else None


@dataclass(frozen=True, slots=True)
class AcceptOrder:
    """An order to be filed by ``order_accept.lua`` until its release."""

    order: DelayedOrder


@dataclass(frozen=True, slots=True)
class OrderDone:
    """What became of an order at its release, as ``order_done.lua`` takes it; *now_ms* calendar."""

    order: DelayedOrder
    refused: Refused | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A trade that just happened; *entry* is its fact under *entry_id* in *outbox*."""

    outbox: ClassVar = OutboxName.TRADES
    fill: Fill
    entry_id: str
    entry: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that waits from now on; *entry* is its fact under *entry_id* in *outbox*."""

    outbox: ClassVar = OutboxName.TRADES
    order: DelayedOrder
    entry_id: str
    entry: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delayed:
    """Nothing speaks against the command, but it has to wait; nothing has changed.

    *reserved_e4* is what it has to set aside of the cash for that.
    """

    reserved_e4: int = 0


@dataclass(frozen=True, slots=True)
class Replayed:
    """A trade that an earlier command with the same idempotency key had made."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class Awaited:
    """An order that an earlier command with the same idempotency key had filed."""

    order: DelayedOrder


Command = TradeCommand | PositionCommand
"""What the `trade-executor` carries out."""

Made = Filled | Accepted | Happened
"""What an outcome is that has just changed something: its fact is to be made durable."""

Outcome = Made | Replayed | Awaited | PositionOutcome
"""What a command comes to in the end."""


ADJUSTMENT = "adjustment"  #: the kind of what an operator gives or takes
PRIZE = "prize"  #: the kind of what the weekly spinner gives


@dataclass(frozen=True, slots=True)
class CreditCommand:
    """Money from the treasury to *user*, once per *idem_key* for ever.

    Attributes:
        entry_id: UUIDv7 of the ledger row.
        kind: what for, such as ``grant`` or ``prize``.
        amount_e4: 1e-4 coin, positive; of an adjustment it may be negative.
        idem_key: unique over all users. Put a colon in it: keys of clients have none.
        now_ms: calendar time.
    """

    entry_id: str
    user: UserId
    kind: str
    amount_e4: int
    idem_key: str
    note: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Credited:
    """The credit's fact, and its stream id; no id if an earlier command had done it."""

    entry: Mapping[str, str]
    entry_id: str | None


CreditOutcome = Credited | Refused


@dataclass(frozen=True, slots=True)
class Indexed:
    """An index change taken in; *ticked* tells whether a price was published for it."""

    ticked: bool
    seq: int
    tick_id: str
    index_px: int


IndexOutcome = Indexed | Refused


@dataclass(frozen=True, slots=True)
class Rebased:
    """One club's base price before and after its match (1e-4 coin)."""

    before_px: int
    after_px: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A match settled just now."""

    home: Rebased
    away: Rebased


SettleOutcome = Settled | Refused


@dataclass(frozen=True, slots=True)
class Base:
    """A club's base price after a result (1e-4 coin), and its instrument's version with it."""

    px: int
    version: int


@dataclass(frozen=True, slots=True)
class Bases:
    """What a match that was settled left; the fact of a settlement, for Postgres.

    *life* is that of Redis, in which it said so.
    """

    home: Base
    away: Base
    life: int
