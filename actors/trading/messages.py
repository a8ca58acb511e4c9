"""Messages of the path of a trade: HTTP, `trade-executor`, `trade-writer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gevent.event import AsyncResult

from ...store.commands import Command, Made, Outcome

#: Where a trade that was just executed cannot be lost from any more.
Durable = Literal["postgres", "redis"]


@dataclass(frozen=True, slots=True)
class Executed:
    """The answer to a command that ran: made, replayed or refused.

    *durable* is known of facts made just now; of a replayed one the ledger knows.
    """

    outcome: Outcome
    durable: Durable | None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The answer when the order did not run, or may have run; it may be sent again under its key.

    *tried* is False if it surely did not.
    """

    reason: str
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Execute:
    """From HTTP to `trade-executor`. *reply* is set once; whoever gives up waiting sets it."""

    command: Command
    reply: AsyncResult[Executed | Unavailable]


@dataclass(frozen=True, slots=True)
class WriteFact:
    """From `trade-executor` to `trade-writer`: make this fact durable, then answer *reply*."""

    made: Made
    reply: AsyncResult[Executed | Unavailable]


@dataclass(frozen=True, slots=True)
class BatchDue:
    """From an actor to itself, behind everything that waited when it was sent."""


@dataclass(frozen=True, slots=True)
class DeleteDue:
    """From the timer of `trade-writer`: what has been written is to leave its stream."""


@dataclass(frozen=True, slots=True)
class PostgresReturned:
    """From the linked watch of `trade-writer`: Postgres was away and answers again."""


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """From the timer of `order-releaser`: renew the lease."""


@dataclass(frozen=True, slots=True)
class ReleaseDue:
    """From the timer of `order-releaser`, and from itself while more may be due."""


@dataclass(frozen=True, slots=True)
class GaugeDue:
    """From the timer of `pressure-gauge`: look again."""


TradeExecutorMessage = Execute | BatchDue
TradeWriterMessage = WriteFact | BatchDue | DeleteDue | PostgresReturned
OrderReleaserMessage = LeaseDue | ReleaseDue
