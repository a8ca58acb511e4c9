"""Messages of the leaderboards; all of them from an actor's own timers, or from itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankDue:
    """The board should be made anew."""


@dataclass(frozen=True, slots=True)
class ValueDue:
    """The next few users should be valued."""


@dataclass(frozen=True, slots=True)
class LookDue:
    """It should be looked what draws have something left to do."""


@dataclass(frozen=True, slots=True)
class StepDue:
    """The next of those draws should go one step on."""


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """The lease should be renewed, or asked for."""


RankerMessage = RankDue | ValueDue | LeaseDue
SpinnerMessage = LookDue | StepDue | LeaseDue
