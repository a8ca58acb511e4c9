"""Health of a service that does not run."""

from __future__ import annotations

from collections.abc import Mapping

from touchline.actors.health import ChildHealth, Health, LastError, State
from touchline.http.health_report import Heard
from touchline.http.metrics import Metrics
from touchline.store.fleet import Identity


def child(
    name: str,
    state: State = State.RUNNING,
    *,
    critical: bool = True,
    been_up: bool = True,
    detail: Mapping[str, object] | None = None,
    last_error: LastError | None = None,
    children: tuple[ChildHealth, ...] = (),
) -> ChildHealth:
    return ChildHealth(
        name=name,
        state=state,
        critical=critical,
        been_up=been_up,
        restarts=0,
        outages=0,
        stuck=0,
        ends={},
        troubled_since_ms=None,
        last_error=last_error,
        depth=0,
        oldest_s=0.0,
        dropped=0,
        handled=0,
        handling_s=0.0,
        busy_s=0.0,
        uptime_s=1.0,
        detail=detail or {},
        children=children,
    )


class FixedHealth:
    """A HealthSource that says what it was given."""

    def __init__(self, *children: ChildHealth, lag_ms: float = 0.2, stuck: bool = False) -> None:
        self.children = children
        self.lag_ms = lag_ms
        self.stuck = stuck
        self.state = State.RUNNING
        self.last_roll: Heard | None = None
        self.restarted: list[tuple[str, str]] = []
        self.metrics = Metrics()
        self.outside: dict[str, bool | str] = {"redis": True, "postgres": True}

    @property
    def identity(self) -> Identity:
        return Identity("api-server", "replica-1", "0.1.0", ("api-server",))

    def snapshot(self) -> Health:
        return Health("api-server", self.state, 1.0, self.lag_ms, self.stuck, {}, self.children)

    def checks(self) -> Mapping[str, bool | str]:
        return self.outside

    def heard(self) -> Heard | None:
        return self.last_roll

    def restart(self, child: str, by: str) -> bool:
        self.restarted.append((child, by))
        return any(known.name == child for known in self.snapshot().walk())
