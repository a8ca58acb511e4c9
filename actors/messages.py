"""The messages of the supervision itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .actor import Actor
    from .loop import Ending


@dataclass(frozen=True, slots=True)
class ChildStarted:
    """From a child's greenlet: ``started`` has returned."""

    name: str
    actor: Actor[Any]  #: the incarnation, so that a late word of an earlier one is not believed


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """From the event loop: a child's greenlet is dead, whatever the reason."""

    name: str
    actor: Actor[Any]
    ending: Ending


@dataclass(frozen=True, slots=True)
class StartOverdue:
    """From the supervisor's timer: a child has used up its time to start."""

    name: str


@dataclass(frozen=True, slots=True)
class RestartDue:
    """From the supervisor's timer: a child has waited long enough."""

    name: str


@dataclass(frozen=True, slots=True)
class WatchDue:
    """From the supervisor's timer: time to look for stuck and for recovered children."""


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """From ``Tree.restart``: an operator wants a child replaced, whatever it does."""

    name: str
    by: str  #: who, for the log


SupervisorMessage = ChildStarted | ChildEnded | StartOverdue | RestartDue | WatchDue | RestartAsked
