"""Everything from Redis into Postgres, in the order that loses nothing.

Ledger before state: a flush reads the hashes, then makes every fact durable
that existed after that read, then writes the states. A row in Postgres
therefore never shows a version whose fact the ledger lacks, whatever dies in
between. Every step may be repeated; a crash between any two of them leaves
its rest to the next run.
"""

from dataclasses import dataclass, field

import redis

from .fence import Fence
from .keys import Keys
from .ledger import Ledger
from .outbox import Outbox
from .parked import Parked, Retried
from .postgres import Postgres
from .scripts import Scripts
from .states import Refusals, States

FACT_BATCH = 1000  #: facts in one transaction
STATE_BATCH = 700  #: states of each kind in one flush, about 2,000 rows together


@dataclass(frozen=True, slots=True)
class Flushed:
    """What one flush did, and what it left."""

    facts: int
    #: States read, and those among them that are in Postgres now and no longer dirty.
    peeked: int
    acked: int
    #: States marked dirty when the flush began.
    waiting: int
    refusals: Refusals = field(default_factory=dict)

    @property
    def more(self) -> bool:
        """Whether the next flush should follow at once: not all of the backlog was read."""
        return self.waiting > self.peeked and self.acked > 0


@dataclass(frozen=True, slots=True)
class Drained:
    """What a complete drain moved, and what it could not move."""

    facts: int
    states: int
    facts_left: int
    states_left: int
    parked_left: int

    @property
    def complete(self) -> bool:
        """Whether Postgres now has everything."""
        return not (self.facts_left or self.states_left or self.parked_left)


class Drain:
    """The way of facts and states to Postgres; one for each process that flushes or drains."""

    def __init__(
        self, outbox: Outbox, ledger: Ledger, parked: Parked, states: States, pg: Postgres
    ) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._parked = parked
        self._states = states
        self._pg = pg

    def facts(self, upto: str = "+") -> int:
        """Make every fact durable whose id is at most *upto*; return how many there were."""
        moved = 0
        while entries := self._outbox.read(upto, FACT_BATCH):
            self._ledger.insert_facts(entries)
            self._outbox.delete(entry.id for entry in entries)
            moved += len(entries)
        return moved

    def retry_parked(self) -> Retried:
        """Try the parked facts that are due once more."""
        return self._parked.retry()

    def flush(self, fence: Fence | None = None) -> Flushed:
        """Bring one batch of dirty states to Postgres, their facts first.

        Raises:
            Fenced: *fence* was taken over; the states were not written.
        """
        peeked = self._states.peek(STATE_BATCH)
        newest = self._outbox.last_id()
        facts = self.facts(newest) if newest else 0
        if not len(peeked):
            return Flushed(facts, 0, 0, peeked.waiting)
        with self._pg.transaction() as cursor:
            if fence:
                fence.show(cursor)
            refusals = self._states.write(cursor, peeked)
        acked = self._states.ack(peeked, refusals)
        return Flushed(facts, len(peeked), acked, peeked.waiting, refusals)

    def everything(self) -> Drained:
        """Flush until nothing moves any more; for the end of a run.

        Ends with a rest if Postgres refuses rows, and goes on as long as somebody trades.
        """
        facts = states = 0
        while True:
            parked = self.retry_parked().inserted
            flushed = self.flush()
            facts += flushed.facts + parked
            states += flushed.acked
            if not (parked or flushed.facts or flushed.acked):
                return Drained(
                    facts=facts,
                    states=states,
                    facts_left=self._outbox.length(),
                    states_left=self._states.waiting(),
                    parked_left=self._parked.count(),
                )


def open_drain(client: redis.Redis, keys: Keys, scripts: Scripts, pg: Postgres) -> Drain:
    """The drain between one Redis and one Postgres."""
    outbox = Outbox(client, keys.trade_outbox)
    return Drain(outbox, Ledger(pg), Parked(pg), States(client, keys, scripts), pg)


def drain_everything(client: redis.Redis, keys: Keys, scripts: Scripts, pg: Postgres) -> Drained:
    """Bring all facts and states to Postgres; at shutdown, and before a run's result is told."""
    return open_drain(client, keys, scripts, pg).everything()
