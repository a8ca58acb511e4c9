"""What a child list is made of: one ``Child`` a line, with defaults that suit most duties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .actor import Actor
from .backoff import Backoff, Intensity
from .mailbox import BOUND, Policy

START_S = 10.0  #: seconds ``started`` may take: a few bounded calls to stores that time out
STOP_S = 5.0  #: seconds for the message at hand and ``stopped``
STUCK_S = 30.0  #: seconds with one message: many times what a bounded call may take


class Restart(Enum):
    """When a child that ended is started again."""

    PERMANENT = "permanent"  #: always
    TRANSIENT = "transient"  #: after a crash, not when it ended by itself
    TEMPORARY = "temporary"  #: never


class Strategy(Enum):
    """Who is stopped and started again together with a child that crashed."""

    ONE_FOR_ONE = "one_for_one"  #: nobody
    REST_FOR_ONE = "rest_for_one"  #: the children after it
    ONE_FOR_ALL = "one_for_all"  #: all its siblings


ONE_FOR_ONE = Strategy.ONE_FOR_ONE
REST_FOR_ONE = Strategy.REST_FOR_ONE
ONE_FOR_ALL = Strategy.ONE_FOR_ALL


@dataclass(frozen=True, slots=True)
class Child:
    """One duty in a supervisor's list."""

    name: str  #: unique among all children that share the addresses
    start: Callable[[], Actor[Any]]  #: builds a new actor each time; it only stores arguments
    restart: Restart = Restart.PERMANENT
    parkable: bool = False  #: over its intensity it is parked, and the service goes on without it
    bound: int = BOUND  #: messages its mailbox holds
    policy: Policy = Policy.DROP_OLD
    start_s: float = START_S
    stop_s: float = STOP_S
    stuck_s: float = STUCK_S
    backoff: Backoff = field(default_factory=Backoff)
    intensity: Intensity | None = None  #: its own; None: the supervisor's, shared with its siblings

    def restarts_after(self, cause: BaseException | None) -> bool:
        """Whether it is started again after an end by *cause* (None: in good order)."""
        if self.restart is Restart.TRANSIENT:
            return cause is not None
        return self.restart is Restart.PERMANENT
