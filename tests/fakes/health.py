"""Health of a service that does not run."""

from __future__ import annotations

from collections.abc import Mapping

from touchline.actors.health import ChildHealth, Health, LastError, State
from touchline.http.health import Identity
from touchline.http.metrics import Metrics


def child(
    name: str,
    state: State = State.RUNNING,
    *,
    critical: bool = True,
    last_error: LastError | None = None,
    children: tuple[ChildHealth, ...] = (),
) -> ChildHealth:
    return ChildHealth(
        name=name,
        state=state,
        critical=critical,
        been_up=True,
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
        detail={},
        children=children,
    )


class FixedHealth:
    """A HealthSource that says what it was given."""

    def __init__(self, *children: ChildHealth, lag_ms: float = 0.2) -> None:
        self.children = children
        self.lag_ms = lag_ms
        self.metrics = Metrics()
        self.outside: dict[str, bool | str] = {"redis": True, "postgres": True}

    @property
    def identity(self) -> Identity:
        return Identity("api-server", "replica-1", "0.1.0")

    def snapshot(self) -> Health:
        return Health("api-server", State.RUNNING, 1.0, self.lag_ms, {}, self.children)

    def checks(self) -> Mapping[str, bool | str]:
        return self.outside
