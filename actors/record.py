"""A child's past: what ended it, how often and why, and whether that is over."""

from __future__ import annotations

from collections import Counter
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


class Past:
    """Why children of one tree ended, by name, for as long as the process lives.

    Counted beside the records because those go with their supervisor, and a counter that
    operators watch must not go back when a group is started anew.
    """

    def __init__(self) -> None:
        self.ends: dict[str, Counter[str]] = {}  #: by child, then by reason
        self.outages: Counter[str] = Counter()  #: by child; however many tries each took

    def count(self, name: str, why: Why) -> None:
        """Note one more end of child *name*."""
        self.ends.setdefault(name, Counter())[why.value] += 1


class Record:
    """Kept by a slot for all incarnations of its child."""

    __slots__ = (
        "_name",
        "_past",
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

    def __init__(self, name: str, past: Past) -> None:
        self._name = name
        self._past = past
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
        self._past.count(self._name, why)

    def meet_outage(self) -> None:
        """Note an end by an outage: the first of it, or another try that failed."""
        self.count(Why.OUTAGE)
        if not self.in_outage:
            self.in_outage = True
            self.attempt = 0
            self.outages += 1
            self._past.outages[self._name] += 1

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

    def forgive(self) -> None:
        """Note that all trouble is over."""
        self.attempt = 0
        self.in_outage = False
        self.parked = False
        self.troubled_since_ms = None


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
