"""How services are, as operators read it. Source: docs/operations.md, "Health"."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .forms import Instant, said_open

ChildState = Literal["starting", "running", "backoff", "parked", "stuck", "stopped", "failed"]
ServiceStatus = Literal["starting", "ready", "degraded", "not ready"]

#: Each duty has facts of its own; `ailing` is the one that degrades.
ChildDetail = Annotated[dict[str, Any], said_open("What the child says of itself.")]


class ErrorShown(msgspec.Struct, frozen=True):
    """The latest crash or outage of a child."""

    type: str
    message: str
    at: Instant
    traceback: str


class ChildShown(msgspec.Struct, frozen=True):
    """One child of a supervisor; counts are since the process started."""

    name: str
    state: ChildState
    critical: bool
    been_up: bool
    restarts: int
    outages: int
    stuck: int
    ends: dict[str, int]
    troubled_since: Instant | None
    last_error: ErrorShown | None
    depth: int
    oldest_s: float
    dropped: int
    handled: int
    handling_s: float
    busy_s: float
    uptime_s: float
    detail: ChildDetail
    children: tuple[ChildShown, ...]


class TreeShown(msgspec.Struct, frozen=True):
    """A whole supervision tree; `undelivered` are messages lost, by addressee."""

    name: str
    state: ChildState
    uptime_s: float
    loop_lag_ms: float
    undelivered: dict[str, int]
    children: tuple[ChildShown, ...]


class ReplicaReport(msgspec.Struct, frozen=True):
    """One replica: who it is, how it is and why, and its tree; in `checks` true is reachable."""

    service: str
    replica: str
    version: str
    covers: tuple[str, ...]
    status: ServiceStatus
    why: dict[str, str]
    checks: dict[str, bool | str]
    tree: TreeShown


class MemberShown(msgspec.Struct, frozen=True):
    """Another replica, and what it last said of itself; one of another version may say more."""

    service: str
    replica: str
    version: str
    status: ServiceStatus
    silent_s: float
    report: ReplicaReport


class HealthTree(ReplicaReport, frozen=True):
    """This replica, who holds which lease, and the others; null where nothing was heard yet."""

    leases: dict[str, str]
    fleet_heard_s: float | None
    fleet: tuple[MemberShown, ...]
