"""What a service says of itself on its health pages, and hears of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.metadata import version

from ..actors.child import Child
from ..actors.health import Health, State
from ..actors.heartbeat import Heartbeat
from ..actors.reachability import Reachability
from ..actors.tree import Tree
from ..http.health_report import Heard, encoded, judged, own_report
from ..http.meter import HttpMeter
from ..http.metrics import Metrics
from ..store.fleet import Fleet, Identity, Roll
from ..store.lease import Lease
from .metrics import show_health
from .stores import Stores

LEASES = (
    *("scheduler", "flusher", "candle-roller", "rehydrate", "reconcile"),
    *("order-release", "stop-watcher", "margin-backstop", "leaderboard", "week-freezer", "spinner"),
    "bots",
)


class ServiceHealth:
    """The `HealthSource` of one service: its identity, its tree, what it needs from outside."""

    def __init__(self, service: str, stores: Stores, covers: tuple[str, ...] = ()) -> None:
        """Take *covers*, the services whose work is done here if that is not just *service*."""
        self._identity = Identity(
            service, stores.replica, version("touchline"), covers or (service,)
        )
        self.fleet = Fleet(stores.redis, stores.keys, self._identity, LEASES)
        self._stores = stores
        self._found: dict[str, bool | str] = {}
        self._probes: Mapping[str, Callable[[], object]] = {
            "redis": stores.redis.ping,
            "postgres": lambda: _ask_postgres(stores),
        }
        self._tree: Tree | None = None
        self._roll: tuple[Roll, float] | None = None  #: and when it was heard
        self._metrics = Metrics()
        self._leases: dict[str, Lease] = {}
        self._listeners: list[HttpMeter] = []
        show_health(self._metrics, self, self._leases, self._listeners)

    @property
    def identity(self) -> Identity:
        """Who answers."""
        return self._identity

    def children(self) -> list[Child]:
        """The children that look around; they start first, so that readiness never guesses."""
        return [
            Child("reachability", lambda: Reachability(self._probes, self._found)),
            Child("heartbeat", self._heartbeat, parkable=True),
        ]

    @property
    def metrics(self) -> Metrics:
        """What is counted; services add what their duties count."""
        return self._metrics

    def lease(self, name: str) -> Lease:
        """The lease of a duty, shown from now on. One a process: see `Stores.lease`."""
        self._leases[name] = self._stores.lease(name)
        return self._leases[name]

    def http_meter(self, listener: str) -> HttpMeter:
        """Where the child *listener* counts requests, whichever server it has at the time."""
        meter = HttpMeter(listener)
        self._listeners.append(meter)
        return meter

    def watch(self, tree: Tree) -> None:
        """Show *tree* from now on."""
        self._tree = tree

    def snapshot(self) -> Health:
        """The supervision tree; an empty one that is starting before there is one."""
        if self._tree is None:
            return Health(self._identity.service, State.STARTING, 0.0, 0.0, False, {}, ())
        return self._tree.snapshot()

    def checks(self) -> Mapping[str, bool | str]:
        """What was found when it was last looked at."""
        return dict(self._found)

    def note(self, server: str, found: bool | str) -> None:
        """Show of *server* that it answers (True), or why it is waited for."""
        self._found[server] = found

    def heard(self) -> Heard | None:
        """What was last heard of the other replicas."""
        if self._roll is None:
            return None
        roll, at = self._roll
        return Heard(roll, time.monotonic() - at)

    def restart(self, child: str, by: str) -> bool:
        """Have *child* restarted; False if there is none of that name."""
        return self._tree is not None and self._tree.restart(child, by)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self.fleet, self._report, self._hear, self.restart, time.monotonic)

    def _report(self) -> tuple[str, str]:
        return judged(self).status.value, encoded(own_report(self)).decode()

    def _hear(self, roll: Roll) -> None:
        self._roll = roll, time.monotonic()


def _ask_postgres(stores: Stores) -> None:
    with stores.pg.transaction() as cursor:
        cursor.execute("SELECT 1")
