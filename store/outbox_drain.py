"""The way of the facts of one stream to the ledger, those included that Postgres refused."""

from dataclasses import dataclass

from .keys import OutboxName
from .ledger import Ledger
from .outbox import Outbox
from .parked import Parked, Retried

FACT_BATCH = 1000  #: facts in one transaction
RUN_BATCHES = 10  #: batches of facts in one run: about a second, so that no actor looks stuck


@dataclass(frozen=True, slots=True)
class FactRun:
    """How many facts one run moved, and whether it reached the end."""

    moved: int
    complete: bool


class OutboxDrain:
    """Empties one stream of facts, and the table of those that were parked from it."""

    def __init__(self, name: OutboxName, outbox: Outbox, ledger: Ledger, parked: Parked) -> None:
        self.name = name
        self._outbox = outbox
        self._ledger = ledger
        self._parked = parked

    def facts(self, upto: str = "+") -> FactRun:
        """Make facts durable whose ids are at most *upto*, oldest first, for about a second."""
        moved = 0
        for _ in range(RUN_BATCHES):
            entries = self._outbox.read(upto, FACT_BATCH)
            if not entries:
                return FactRun(moved, complete=True)
            self._ledger.insert_facts(entries)
            self._outbox.delete(entry.id for entry in entries)
            moved += len(entries)
        return FactRun(moved, complete=False)

    def newest(self) -> str | None:
        """Id of the newest fact in the stream; None if there is none."""
        return self._outbox.last_id()

    def waiting(self) -> int:
        """How many facts are in the stream."""
        return self._outbox.length()

    def oldest_s(self) -> float:
        """Real seconds the oldest fact in the stream has waited; 0 if there is none."""
        return self._outbox.oldest_age_s()

    def parked(self) -> int:
        """How many facts Postgres refuses."""
        return self._parked.count()

    def retry_parked(self) -> Retried:
        """Try the parked facts that are due once more."""
        return self._parked.retry()
