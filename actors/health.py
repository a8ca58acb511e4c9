"""What operators see of a tree: plain values, read without sending a message."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..domain.clock import rfc3339

SILENT_S = 10.0  #: seconds without a heartbeat after which nobody counts on a replica any more
#: Services without which the exchange is not whole; some replica has to do the work of each.
NEEDED = ("api-server", "ws-server", "flusher")


class State(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"  #: waits before its next try
    PARKED = "parked"  #: as backoff, at the longest delay, and the service counts as degraded
    STUCK = "stuck"  #: killed because of a deadline, but not gone yet
    STOPPED = "stopped"  #: in good order, or waiting for a sibling it depends on
    FAILED = "failed"  #: crashed and not to be restarted


@dataclass(frozen=True, slots=True)
class LastError:
    """The latest crash or outage of a child."""

    type: str
    message: str
    at_ms: int  #: Unix ms, machine time
    traceback: str


@dataclass(frozen=True, slots=True)
class ChildHealth:
    """One child; counts are since the tree started, whatever became of its supervisor."""

    name: str
    state: State
    critical: bool  #: readiness needs it
    been_up: bool  #: it has started at least once
    restarts: int  #: after crashes
    outages: int  #: outages it has waited or is waiting out
    stuck: int  #: times it was killed for overstaying one message
    ends: Mapping[str, int]  #: incarnations that gave way to another one, by reason
    troubled_since_ms: int | None  #: Unix ms of its first end not made up for; None: all is well
    last_error: LastError | None
    depth: int  #: messages waiting
    oldest_s: float  #: how long the first of them has waited
    dropped: int
    handled: int
    handling_s: float  #: spent on those
    busy_s: float  #: with the message at hand
    uptime_s: float  #: of this incarnation; 0 while it is not running
    detail: Mapping[str, object]  #: the duty's own facts; "ailing" is the one that degrades
    children: tuple[ChildHealth, ...] = ()

    @property
    def ailing(self) -> str:
        """What keeps it from its duty though it runs, by its own word; empty: nothing."""
        return str(self.detail.get("ailing") or "")

    def walk(self) -> Iterator[ChildHealth]:
        """This child and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Health:
    """A whole tree."""

    name: str
    state: State
    uptime_s: float
    loop_lag_ms: float  #: worst lateness of a 100 ms timer in its last 100 ticks
    loop_stuck: bool  #: two of those were more than 5 s late
    undelivered: Mapping[str, int]  #: messages lost, by addressee; 0 is left out
    children: tuple[ChildHealth, ...]

    def walk(self) -> Iterator[ChildHealth]:
        """Every child, in the order of the child lists."""
        for child in self.children:
            yield from child.walk()

    def as_dict(self) -> dict[str, object]:
        """The tree as plain dicts and lists, times in RFC 3339, ready for JSON."""
        return {
            "name": self.name,
            "state": self.state.value,
            "uptime_s": round(self.uptime_s, 3),
            "loop_lag_ms": round(self.loop_lag_ms, 1),
            "undelivered": dict(self.undelivered),
            "children": [_child(child) for child in self.children],
        }


class Status(StrEnum):
    """What a service is good for at the moment, in one word."""

    STARTING = "starting"  #: not up yet
    READY = "ready"
    DEGRADED = "degraded"  #: it serves, and something is wrong that operators should know
    NOT_READY = "not ready"  #: it was up; what it needs is away, or a duty is down


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a service can serve, and why not: by child, or by what is needed from outside."""

    status: Status
    why: Mapping[str, str]

    @property
    def serves(self) -> bool:
        """Whether requests should be sent here."""
        return self.status in (Status.READY, Status.DEGRADED)


def readiness(tree: Health, outside: Mapping[str, bool | str]) -> Readiness:
    """Judge a service by its *tree* and by what was found of the servers it needs.

    Args:
        outside: True for a server that answers, else why it does not.
    """
    children = tuple(tree.walk())
    away = {name: str(why) for name, why in outside.items() if why is not True}
    down = [c for c in children if c.critical and c.state is not State.RUNNING]
    if tree.state is State.STARTING or not all(child.been_up for child in down):
        return Readiness(Status.STARTING, away | {c.name: _down(c) for c in down})
    if away or down:
        return Readiness(Status.NOT_READY, away | {c.name: _down(c) for c in down})
    ailing = {c.name: c.ailing for c in children if c.ailing}
    parked = {c.name: _down(c) for c in children if c.state is State.PARKED}
    why = ailing | parked
    return Readiness(Status.DEGRADED if why else Status.READY, why)


def _down(child: ChildHealth) -> str:
    # Not what the error says: this is read without a token, and that may quote anything.
    error = child.last_error
    return f"{child.state.value}: {error.type}" if error else child.state.value


def _child(child: ChildHealth) -> dict[str, object]:
    error, since = child.last_error, child.troubled_since_ms
    plain = {f.name: getattr(child, f.name) for f in dataclasses.fields(child)}
    del plain["troubled_since_ms"]
    return plain | {
        "state": child.state.value,
        "ends": dict(child.ends),
        "troubled_since": None if since is None else rfc3339(since),
        "last_error": _error(error) if error else None,
        "handling_s": round(child.handling_s, 3),
        "oldest_s": round(child.oldest_s, 3),
        "busy_s": round(child.busy_s, 3),
        "uptime_s": round(child.uptime_s, 3),
        "detail": dict(child.detail),
        "children": [_child(grandchild) for grandchild in child.children],
    }


def _error(error: LastError) -> dict[str, object]:
    return {
        "type": error.type,
        "message": error.message,
        "at": rfc3339(error.at_ms),
        "traceback": error.traceback,
    }
