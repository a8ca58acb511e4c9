"""Messages of the way to Postgres; all of them from an actor's own timers, or from itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlushDue:
    """Dirty states should go to Postgres."""


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """The lease should be renewed, or asked for."""


@dataclass(frozen=True, slots=True)
class DrainDue:
    """Facts left over by the synchronous write should go to Postgres."""


FlusherMessage = FlushDue | LeaseDue
OutboxDrainerMessage = DrainDue
