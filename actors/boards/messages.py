"""Messages of the leaderboards; all of them from an actor's own timers, or from itself."""

from dataclasses import dataclass
from enum import StrEnum


class Span(StrEnum):
    """Of when the gains count."""

    WEEK = "week"
    ALL_TIME = "all time"


@dataclass(frozen=True, slots=True)
class RankDue:
    """The boards of *span* should be made anew."""

    span: Span = Span.WEEK


@dataclass(frozen=True, slots=True)
class ValueDue:
    """The next few users of a round should be valued."""

    span: Span = Span.WEEK


@dataclass(frozen=True, slots=True)
class LookDue:
    """Whether a week has ended, or a draw has something left to do, should be looked at."""


@dataclass(frozen=True, slots=True)
class StepDue:
    """The next of those draws should go one step on."""


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """The lease should be renewed, or asked for."""


@dataclass(frozen=True, slots=True)
class OwnersDue:
    """The next few users should be valued as of a week's end."""


RankerMessage = RankDue | ValueDue | LeaseDue
WeekFreezerMessage = LookDue | OwnersDue | LeaseDue
SpinnerMessage = LookDue | StepDue | LeaseDue
