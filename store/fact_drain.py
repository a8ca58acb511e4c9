"""The way of all facts to the ledger that wait in a stream."""

from dataclasses import dataclass

from gevent.lock import BoundedSemaphore

from .ledger import Ledger
from .sequence import FactSequence

FACT_BATCH = 1000  #: facts of each stream in one transaction
RUN_BATCHES = 10  #: batches of facts in one run: about a second, so that no actor looks stuck


@dataclass(frozen=True, slots=True)
class FactRun:
    """How many facts one run moved, and whether it reached the end."""

    moved: int
    complete: bool


class FactDrain:
    """Empties both streams, in the order in which facts were made; one for each process."""

    def __init__(self, sequence: FactSequence, ledger: Ledger) -> None:
        self._sequence = sequence
        self._ledger = ledger
        # Several duties of a process drain; at once they would write the same facts.
        self._one_at_a_time = BoundedSemaphore()

    def run(self, life: int | None = None) -> FactRun:
        """Make facts durable, oldest first, for about a second.

        Complete is a run after which Postgres has all facts there were when it began.

        Args:
            life: of Redis, if a new one has begun of which Redis does not know yet.

        Raises:
            Superseded: Redis was put back since the facts were read; nothing was written.
        """
        with self._one_at_a_time:
            moved = 0
            for _ in range(RUN_BATCHES):
                stretch = self._sequence.read({}, FACT_BATCH)
                if len(stretch):
                    shown = stretch.life if life is None else life
                    self._ledger.insert_facts(stretch.facts, shown)
                    self._sequence.delete(stretch.ids)
                    moved += len(stretch)
                if stretch.complete:
                    return FactRun(moved, complete=True)
            return FactRun(moved, complete=False)
