"""What goes into the scripts of CFD positions and what comes out, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..domain.ids import InstrumentIdx, UserId
from ..domain.opening import OpenOrder
from ..domain.position_events import By, PositionEvent
from ..domain.refusals import Refused
from .keys import OutboxName

Keep = Literal["="]
"""Leave a stop as it is."""


@dataclass(frozen=True, slots=True)
class PositionKey:
    """Which position: its keys in Redis follow from these."""

    id: str
    user: UserId
    idx: InstrumentIdx


@dataclass(frozen=True, slots=True)
class OpenCommand:
    """*order* as ``position_open.lua`` takes it; see `TradeCommand` for the rest."""

    order: OpenOrder
    idem_key: str
    fingerprint: str
    client_order_id: str | None
    now_ms: int
    delay_ms: int = 0
    waited: bool = False
    reserved_e4: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class CloseCommand:
    """A close by the owner, or *by* an admin.

    Attributes:
        event_id: UUIDv7 the close will have if it happens.
        qty: 1e-3 share; None for all. ``bound_px``: worst average accepted.
        version: number of the last event the owner knows of; None if any will do.
        waited: whether it has waited as an order.
    """

    event_id: str
    position: PositionKey
    qty: int | None
    bound_px: int | None
    version: int | None
    idem_key: str
    fingerprint: str
    now_ms: int
    delay_ms: int = 0
    waited: bool = False
    by: By = By.CLIENT


@dataclass(frozen=True, slots=True)
class TriggerCommand:
    """A close because of the tick *tick_id*.

    Attributes:
        approximate: ticks before it are missing.
        lease_owner: who must hold `lease:stop-watcher` for it; None if nobody.
    """

    event_id: str
    position: PositionKey
    tick_id: str
    by: By
    approximate: bool
    lease_owner: str | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class StopsCommand:
    """Other stops for a position whose last event is number *version*; 1e-4 coin, None for none."""

    event_id: str
    position: PositionKey
    version: int
    stop_loss_px: int | Keep | None
    take_profit_px: int | Keep | None
    trail_px: int | Keep | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class MarginCommand:
    """*amount_e4* more margin for a position, less if negative."""

    event_id: str
    position: PositionKey
    amount_e4: int
    idem_key: str
    fingerprint: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class FollowCommand:
    """What checking a position moved.

    Attributes:
        version: the position's `version` as it was read; another one refuses.
        tick_id, seq: it has been checked up to this tick.
        follow_tick_id: the last tick its trailing stop followed to; None if to none.
        warned: whether it is past its margin call now.
    """

    position: PositionKey
    version: int
    tick_id: str
    seq: int
    follow_tick_id: str | None
    warned: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a position, just now; *entry* is its fact under *entry_id* in *outbox*."""

    outbox: ClassVar = OutboxName.POSITIONS
    event: PositionEvent
    entry_id: str
    entry: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HappenedBefore:
    """The event that an earlier command with the same idempotency key had made."""

    event: PositionEvent


PositionCommand = OpenCommand | CloseCommand | TriggerCommand | StopsCommand | MarginCommand
"""What changes money or stops, and leaves an event."""

PositionOutcome = Happened | HappenedBefore | Refused
