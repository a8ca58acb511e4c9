"""The way of all facts to the ledger that wait in a stream."""

import time
from dataclasses import dataclass

import gevent
from gevent.lock import BoundedSemaphore

from ..domain.clock import Monotonic
from .ledger import Ledger, Prepared
from .outage import OUTAGES
from .sequence import FactSequence, Marks, Stretch

FACT_BATCH = 1000  #: facts of each stream in one transaction
#: Real seconds to wait for another duty that drains. One that waits for a Postgres that is frozen
#: does so for 11, and three of them after each other would look stuck.
TURN_S = 3.0
#: Real seconds after which a run takes no further batch. The one that it is at may take 11 more
#: of a Postgres that is slow and not gone; several of them would make an actor look stuck.
RUN_S = 1.0


@dataclass(frozen=True, slots=True)
class FactRun:
    """What one run did.

    Attributes:
        moved: facts that are in Postgres now, or parked.
        complete: whether all are that there were when it began.
        more: whether others wait, or may.
    """

    moved: int
    complete: bool
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Batch:
    stretch: Stretch
    prepared: Prepared


class FactDrain:
    """Empties both streams, in the order in which facts were made; one for each process."""

    def __init__(
        self, sequence: FactSequence, ledger: Ledger, monotonic: Monotonic = time.monotonic
    ) -> None:
        self._sequence = sequence
        self._ledger = ledger
        self._monotonic = monotonic
        # Several duties of a process drain; at once they would write the same facts.
        self._one_at_a_time = BoundedSemaphore()

    def run(self, life: int | None = None) -> FactRun:
        """Make facts durable, oldest first, for about a second.

        It ends with those that there were when it began, however many more are made meanwhile:
        states wait for it, and would wait for as long as Postgres cannot keep up.

        Args:
            life: of Redis, if a new one has begun of which Redis does not know yet.

        Raises:
            Superseded: Redis was put back since the facts were read; nothing was written.
        """
        if not self._one_at_a_time.acquire(timeout=TURN_S):
            return FactRun(0, complete=False, more=True)
        try:
            marks: Marks = {}
            ends_at = self._monotonic() + RUN_S
            moved, batch = 0, self._read(marks, life)
            lasts = batch.stretch.lasts
            while True:
                stretch = batch.stretch
                complete, marks = stretch.covers(lasts, marks), {**marks, **stretch.ends}
                # Reading the next takes about as long as Postgres does for this one.
                ahead = None if complete else gevent.spawn(self._attempt, marks, life)
                try:
                    moved += self._write(batch)
                    if ahead is None or self._monotonic() >= ends_at:
                        return FactRun(moved, complete, more=not stretch.complete)
                    batch = _found(ahead.get())
                finally:
                    gevent.killall([ahead] if ahead else [])
        finally:
            self._one_at_a_time.release()

    def _read(self, after: Marks, life: int | None) -> _Batch:
        stretch = self._sequence.read(after, FACT_BATCH)
        return _Batch(stretch, Prepared(stretch.facts, stretch.life if life is None else life))

    def _attempt(self, after: Marks, life: int | None) -> _Batch | Exception:
        """What `_read` gives, or the outage that it met: a greenlet that raises prints it."""
        try:
            return self._read(after, life)
        except OUTAGES as outage:
            return outage

    def _write(self, batch: _Batch) -> int:
        if len(batch.stretch):
            self._ledger.insert(batch.prepared)
            self._sequence.delete(batch.stretch.ids, batch.stretch.life)
        return len(batch.stretch)


def _found(attempted: _Batch | Exception) -> _Batch:
    if isinstance(attempted, Exception):
        raise attempted
    return attempted
