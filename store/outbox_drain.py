"""One stream of facts on its way to the ledger, and those of it that Postgres refused."""

from .fact_drain import FactDrain, FactRun
from .keys import OutboxName
from .outbox import Outbox
from .parked import Parked, Retried


class OutboxDrain:
    """Empties one stream of facts, and the table of those that were parked from it."""

    def __init__(self, name: OutboxName, outbox: Outbox, drain: FactDrain, parked: Parked) -> None:
        self.name = name
        self._outbox = outbox
        self._drain = drain
        self._parked = parked

    def facts(self) -> FactRun:
        """Make its facts durable for about a second, with those of other streams between them."""
        return self._drain.run()

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
