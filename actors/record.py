"""A child's past: what ended it, how often and why, and whether that is over."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from gevent import GreenletExit

from .errors import HungStart, Stuck, describe, kind_of, text_of
from .health import LastError


class Why(StrEnum):
    """Why a child's incarnation gave way to another one."""

    CRASH = "crash"  #: a bug
    OUTAGE = "outage"  #: something outside is away
    STUCK = "stuck"  #: killed, for it took too long over one message
    SLOW_START = "slow_start"  #: killed, for it did not start in time
    KILLED = "killed"  #: killed by somebody else than its supervisor
    ENDED = "ended"  #: it returned, and is meant to run for ever
    ASKED = "asked"  #: an operator asked for it
    SIBLING = "sibling"  #: it goes down with a sibling, by its supervisor's strategy


#: Those that count as crashes: toward the intensity, and in ``Record.restarts``.
_CRASHES = (Why.CRASH, Why.STUCK, Why.SLOW_START, Why.KILLED, Why.ENDED)
_NOTHING: Mapping[str, int] = MappingProxyType({})


class Record:
    """Kept under a child's name for as long as its tree lives, whoever its supervisor is.

    A group that is started anew has new slots for its children; what ended them, and so the group,
    is just what operators want to read then.
    """

    __slots__ = (
        "attempt",
        "been_up",
        "ends",
        "in_outage",
        "last_error",
        "outages",
        "parked",
        "reason",
        "stuck",
        "troubled_since_ms",
    )

    def __init__(self) -> None:
        self.attempt = 0  #: consecutive failures, for the delays
        self.been_up = False  #: some incarnation has started
        self.ends = _NOTHING  #: by reason
        self.outages = 0  #: outages met, however many tries each took
        self.stuck = 0  #: times it was killed as stuck
        self.in_outage = False
        self.parked = False
        self.last_error: LastError | None = None
        self.reason = ""  #: the last error in one line
        self.troubled_since_ms: int | None = None  #: Unix ms; None: nothing is wrong

    @property
    def restarts(self) -> int:
        """Restarts that a bug was the reason of."""
        return sum(self.ends.get(why, 0) for why in _CRASHES)

    def count(self, why: Why) -> None:
        """Note one more end."""
        # A new mapping each time: most children never need one.
        self.ends = MappingProxyType({**self.ends, why.value: self.ends.get(why, 0) + 1})

    def meet_outage(self) -> None:
        """Note an end by an outage: the first of it, or another try that failed."""
        self.count(Why.OUTAGE)
        if not self.in_outage:
            self.in_outage = True
            self.attempt = 0
            self.outages += 1

    def meet_crash(self, cause: BaseException | None) -> None:
        """Note an end by a bug."""
        self.count(_why(cause))
        self.in_outage = False

    def blame(self, cause: BaseException | None, traceback: str, at_ms: int) -> None:
        """Keep *cause* as the last error, and as trouble until ``forgive``."""
        self.reason = describe(cause)
        self.last_error = LastError(kind_of(cause), text_of(cause), at_ms, traceback)
        if self.troubled_since_ms is None:
            self.troubled_since_ms = at_ms

    def begin(self) -> None:
        """Begin anew, under a supervisor that has."""
        self.attempt = 0
        self.in_outage = False
        self.parked = False

    def forgive(self) -> None:
        """Note that all trouble is over."""
        self.begin()
        self.troubled_since_ms = None


class Records:
    """The records of one tree, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Record] = {}

    def of(self, name: str) -> Record:
        """The record of child *name*; an empty one at first."""
        return self._by_name.setdefault(name, Record())


def _why(cause: BaseException | None) -> Why:
    """What kind of end *cause* makes, where it is no outage."""
    match cause:
        case None:
            return Why.ENDED
        case Stuck():
            return Why.STUCK
        case HungStart():
            return Why.SLOW_START
        case GreenletExit():
            return Why.KILLED
        case _:
            return Why.CRASH
