"""Messages of the duties that close positions because of ticks; all from within this package."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.ids import UserId


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """From the own timer: the lease should be renewed, or asked for."""


@dataclass(frozen=True, slots=True)
class EveryClubDue:
    """From the own timer: time to look at every club, whether or not its doorbell rang."""


@dataclass(frozen=True, slots=True)
class WorkDue:
    """From the actor to itself, and from its doorbell: there is something to go on with."""


@dataclass(frozen=True, slots=True)
class UserReconnected:
    """From the linked reader of `user:reconnect`: a user who was away is back."""

    user: UserId


@dataclass(frozen=True, slots=True)
class ReturnsDue:
    """From the own timer: time to look for returns that nobody was heard of."""


@dataclass(frozen=True, slots=True)
class SweepDue:
    """From the own timer: time to look at everything that is open."""


StopWatcherMessage = LeaseDue | EveryClubDue | WorkDue
ReconnectListenerMessage = UserReconnected | ReturnsDue | WorkDue
BackstopSweeperMessage = LeaseDue | SweepDue | WorkDue
