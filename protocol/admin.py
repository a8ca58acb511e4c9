"""What the admin routes answer. Source: docs/protocol.md, "Admin routes"."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .forms import Amount, Instant, Price, TickId, said_open
from .positions import PositionHappened, PositionState

#: Of each act another one: what its route takes, and what it changes.
_AsAsked = Annotated[Any, msgspec.Meta(description="The body of the act, as it was read.")]
_AsItWas = Annotated[
    Any, msgspec.Meta(description="What the act changes, before it or after it; null: nothing.")
]
Offender = Annotated[
    dict[str, Any], said_open("A row that contradicts the proof, by the names of what is told.")
]
FactKept = Annotated[
    dict[str, Any], said_open("As a script wrote it, or as somebody has repaired it.")
]


class AuditLine(msgspec.Struct, frozen=True):
    """One act of an operator.

    `outcome` is `done` or the code of a refusal; null while nobody knows it.
    """

    id: int
    at: Instant
    actor: str
    session_id: str | None
    action: str
    target: str
    request: _AsAsked
    before: _AsItWas
    after: _AsItWas
    outcome: str | None
    status: int | None
    request_id: str | None
    ip: str | None


class RestartOrdered(msgspec.Struct, frozen=True):
    """A child that is going to be stopped and started again."""

    child: str
    replica: str
    status: str


class UserAdministered(msgspec.Struct, frozen=True):
    """A user as operators see them."""

    id: int
    email: str
    display_name: str
    role: Literal["user", "admin"]
    status: Literal["active", "suspended", "deleted"]
    is_bot: bool
    created_at: Instant
    last_login_at: Instant | None
    version: int


class WalletAdjusted(msgspec.Struct, frozen=True):
    """Money that an operator gave or took, and the wallet after it; `durable` as for trades."""

    entry_id: str
    user_id: int
    amount: Amount
    cash: Amount
    locked: Amount
    durable: Literal["postgres", "redis"]


class LeaseShown(msgspec.Struct, frozen=True):
    """A duty that one replica at a time does; `owner` is null where none does."""

    lease: str
    owner: str | None
    expires_in_ms: int


class ProofsRun(msgspec.Struct, frozen=True):
    """What came of proving the books: some offenders of each proof that failed, by its name."""

    status: Literal["done"]
    started_at: Instant
    took_ms: int
    ok: bool
    failed: dict[str, tuple[Offender, ...]]
    state_hashes: dict[str, str]


class ProofsUnderWay(msgspec.Struct, frozen=True):
    """The books are being proved; `GET /v1/admin/reconcile` has what comes of it."""

    status: Literal["running"]


class ParkedFact(msgspec.Struct, frozen=True):
    """A fact that Postgres refuses; `fact` as a script wrote it."""

    id: str
    stream: str
    kind: str
    fact: FactKept
    malformed: bool
    attempts: int
    error: str | None
    created_at: Instant
    retry_at: Instant


class FactTried(msgspec.Struct, frozen=True):
    """What Postgres says to a fact now."""

    id: str
    status: Literal["recorded", "refused"]
    error: str | None


class PriceSpan(msgspec.Struct, frozen=True):
    """The lowest and the highest of some prices."""

    low: Price
    high: Price


class TickNotTaken(msgspec.Struct, frozen=True):
    """A tick that would have closed a position, and why it did not."""

    tick: str | None
    code: str


class PositionTraced(msgspec.Struct, frozen=True):
    """What a scan found about one position.

    `from_tick` had been looked at before, `to_tick` has been now. `halted` of the `ticks` close
    nothing. `quotes` are those that it could have been closed at. `position` is as it was found,
    `close` null if it is still open; `unsettled` is one that the next scan has to deal with.
    """

    position: PositionState
    from_tick: TickId
    to_tick: TickId
    ticks: int
    halted: int
    missing: bool
    quotes: PriceSpan | None
    marks: PriceSpan | None
    refused: tuple[TickNotTaken, ...]
    close: PositionHappened | None
    unsettled: bool


class ReplaysTraced(msgspec.Struct, frozen=True):
    """A replay's trace."""

    positions: tuple[PositionTraced, ...]


class PositionClosedBy(msgspec.Struct, frozen=True):
    """A position that an admin closed; as the owner's own close is answered."""

    status: str
    position: PositionState
    event: PositionHappened
    durable: Literal["postgres", "redis"]
