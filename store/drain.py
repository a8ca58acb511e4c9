"""Everything from Redis into Postgres, in the order that loses nothing.

Ledger before state: a flush reads the hashes, then makes every fact durable
that existed after that read, then writes the states. A row in Postgres
therefore never shows a version whose fact the ledger lacks, whatever dies in
between. Every step may be repeated; a crash between any two of them leaves
its rest to the next run.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import redis

from .fact_drain import FactDrain, FactRun
from .fence import Fence
from .keys import Keys, OutboxName, State
from .ledger import Ledger
from .life import show_life
from .outbox import open_outboxes
from .outbox_drain import OutboxDrain
from .parked import Parked
from .postgres import Postgres
from .scripts import Scripts
from .sequence import FactSequence
from .states import Refusals, States

#: States of each kind in one flush. Which of those that are dirty are taken is drawn, so as few as
#: possible should have to wait for the next.
STATE_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Flushed:
    """What one flush did, and what it left."""

    facts: int = 0
    #: States read, and those among them that are in Postgres now and no longer dirty.
    peeked: int = 0
    acked: int = 0
    #: States marked dirty when the flush began.
    waiting: int = 0
    #: Whether the next flush should follow at once, because a backlog exists and moves.
    more: bool = False
    refusals: Refusals = field(default_factory=dict)
    #: States now in Postgres, by kind; one that changed meanwhile is dirty again.
    written: Mapping[State, int] = field(default_factory=dict)


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
        self,
        facts: FactDrain,
        outboxes: Mapping[OutboxName, OutboxDrain],
        states: States,
        pg: Postgres,
    ) -> None:
        self.outboxes = outboxes
        self._facts = facts
        self._states = states
        self._pg = pg

    def facts(self, life: int | None = None) -> FactRun:
        """Make facts of all streams durable for about a second; see `FactDrain.run`."""
        return self._facts.run(life)

    def flush(self, fence: Fence | None = None) -> Flushed:
        """Bring one batch of dirty states to Postgres, their facts first.

        Raises:
            Fenced: *fence* was taken over; the states were not written.
            Superseded: Redis was put back since they were read.
        """
        peeked = self._states.peek(STATE_BATCH)
        run = self._facts.run()
        if not run.complete:
            # States must wait for the facts before them.
            return Flushed(run.moved, waiting=peeked.waiting, more=True)
        if not len(peeked):
            return Flushed(run.moved, waiting=peeked.waiting, more=run.more)
        with self._pg.transaction() as cursor:
            if fence:
                fence.show(cursor)
            show_life(cursor, peeked.life)
            refusals = self._states.write(cursor, peeked)
        acked = self._states.ack(peeked, refusals)
        more = run.more or (acked > 0 and peeked.waiting > len(peeked))
        written = peeked.sizes - Counter(state for state, _ in refusals)
        return Flushed(run.moved, len(peeked), acked, peeked.waiting, more, refusals, written)

    def everything(self) -> Drained:
        """Flush until nothing moves any more; for the end of a run.

        Ends with a rest if Postgres refuses rows, and goes on as long as somebody trades.
        """
        facts = states = 0
        while True:
            parked = sum(outbox.retry_parked().inserted for outbox in self.outboxes.values())
            flushed = self.flush()
            facts += flushed.facts + parked
            states += flushed.acked
            if not (parked or flushed.facts or flushed.acked):
                return Drained(
                    facts=facts,
                    states=states,
                    facts_left=sum(outbox.waiting() for outbox in self.outboxes.values()),
                    states_left=self._states.waiting(),
                    parked_left=sum(outbox.parked() for outbox in self.outboxes.values()),
                )


def open_drain(client: redis.Redis, keys: Keys, scripts: Scripts, pg: Postgres) -> Drain:
    """The drain between one Redis and one Postgres."""
    facts = FactDrain(FactSequence(client, keys), Ledger(pg))
    outboxes = {
        name: OutboxDrain(name, outbox, facts, Parked(pg, name))
        for name, outbox in open_outboxes(client, keys).items()
    }
    return Drain(facts, outboxes, States(client, keys, scripts), pg)


def drain_everything(client: redis.Redis, keys: Keys, scripts: Scripts, pg: Postgres) -> Drained:
    """Bring all facts and states to Postgres; at shutdown, and before a run's result is told."""
    return open_drain(client, keys, scripts, pg).everything()
