"""Messages of the way to Postgres; all of them from an actor's own timers, or from itself."""

from dataclasses import dataclass

from ...store.reconcile import Report


@dataclass(frozen=True, slots=True)
class FlushDue:
    """Dirty states should go to Postgres."""


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """The lease should be renewed, or asked for."""


@dataclass(frozen=True, slots=True)
class DrainDue:
    """Facts left over by the synchronous write should go to Postgres."""


@dataclass(frozen=True, slots=True)
class Proved:
    """From the reader of `reconciler`: all proofs have run."""

    report: Report
    took_s: float


@dataclass(frozen=True, slots=True)
class RollDue:
    """Ticks should become candles."""


@dataclass(frozen=True, slots=True)
class TidyDue:
    """Ticks and candles that are kept no longer should go."""


FlusherMessage = FlushDue | LeaseDue
CandleRollerMessage = RollDue | TidyDue | LeaseDue
OutboxDrainerMessage = DrainDue
ReconcilerMessage = LeaseDue | Proved
