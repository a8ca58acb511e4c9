"""What happens in a tree, as values: the log, the health page and the tests read the same ones."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field

import structlog


@dataclass(frozen=True, slots=True)
class Started:
    """A child is up: at boot, or again after its group was stopped around it."""

    name: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """A bug ended a child; it counts toward the intensity."""

    name: str
    reason: str
    traceback: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Restarted:
    """A child is up again after a crash or an outage."""

    name: str
    restarts: int  #: after crashes, so far; outages do not count
    after_outage: bool = False


@dataclass(frozen=True, slots=True)
class BackedOff:
    """An outage ended a child; it waits and tries again, as often as it takes."""

    name: str
    reason: str
    attempt: int = 1  #: within this outage


@dataclass(frozen=True, slots=True)
class Recovered:
    """A child that was down by an outage, or parked, has been up for a healthy while."""

    name: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A child over its intensity that the service can do without; retried at the longest delay."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Killed:
    """A child overstayed a deadline (start, one message, stop) and was killed."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survived:
    """A child did not even end when killed; no successor starts while it lives."""

    name: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """A child ended in good order: asked to, or by itself."""

    name: str


@dataclass(frozen=True, slots=True)
class RestartOrdered:
    """An operator has a child stopped and started again; it counts toward nothing."""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A supervisor escalates: it stops its children and ends."""

    name: str
    reason: str


Event = (
    Started
    | Crashed
    | Restarted
    | BackedOff
    | Recovered
    | Parked
    | Killed
    | Survived
    | Stopped
    | RestartOrdered
    | GaveUp
)


#: Level and text of each event's line.
LINES: dict[type[Event], tuple[int, str]] = {
    Started: (logging.INFO, "child started"),
    Crashed: (logging.ERROR, "child crashed"),
    Restarted: (logging.WARNING, "child restarted"),
    BackedOff: (logging.WARNING, "child waits out an outage"),
    Recovered: (logging.INFO, "child recovered"),
    Parked: (logging.ERROR, "child parked"),
    Killed: (logging.ERROR, "child killed"),
    Survived: (logging.CRITICAL, "child does not end"),
    Stopped: (logging.INFO, "child stopped"),
    RestartOrdered: (logging.WARNING, "child restart ordered"),
    GaveUp: (logging.CRITICAL, "supervisor gave up"),
}


def log_event(event: Event) -> None:
    """Write the one log line of *event*; the repeats within one outage have none."""
    if _is_repeat(event):
        return
    level, text = LINES[type(event)]
    facts = dataclasses.asdict(event)
    # "exception" is the key that structlog's renderers print on lines of its own.
    if trace := facts.pop("traceback", ""):
        facts["exception"] = trace
    structlog.get_logger(__name__).log(level, text, child=facts.pop("name"), **facts)


def _is_repeat(event: Event) -> bool:
    match event:
        case BackedOff(_, _, attempt):
            return attempt > 1
        case Restarted(_, _, after_outage):
            return after_outage  # it may not last; Recovered tells the end
        case _:
            return False
