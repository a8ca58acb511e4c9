"""What a service says of itself on its health pages."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from importlib.metadata import version

from ..actors.child import Child
from ..actors.health import Health, State
from ..actors.reachability import Reachability
from ..actors.tree import Tree
from ..http.health import Identity
from ..http.meter import HttpMeter
from ..http.metrics import Metrics
from ..store.lease import Lease
from .metrics import show_health
from .stores import Stores

REACHABILITY = "reachability"


class ServiceHealth:
    """The `HealthSource` of one service: its identity, its tree, what it needs from outside."""

    def __init__(self, service: str, stores: Stores) -> None:
        # Random as well as named: a host that restarts is another replica.
        replica = f"{socket.gethostname()}-{secrets.token_hex(3)}"
        self._identity = Identity(service, replica, version("touchline"))
        self._stores = stores
        self._found: dict[str, bool | str] = {}
        self._probes: Mapping[str, Callable[[], object]] = {
            "redis": stores.redis.ping,
            "postgres": lambda: _ask_postgres(stores),
        }
        self._tree: Tree | None = None
        self._metrics = Metrics()
        self._leases: dict[str, Lease] = {}
        self._listeners: list[HttpMeter] = []
        show_health(self._metrics, self, self._leases, self._listeners)

    @property
    def identity(self) -> Identity:
        """Who answers."""
        return self._identity

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

    def child(self) -> Child:
        """The child that looks after `checks`; it starts first, so readiness never guesses."""
        return Child(REACHABILITY, lambda: Reachability(self._probes, self._found))

    def watch(self, tree: Tree) -> None:
        """Show *tree* from now on."""
        self._tree = tree

    def snapshot(self) -> Health:
        """The supervision tree; an empty one that is starting before there is one."""
        if self._tree is None:
            return Health(self._identity.service, State.STARTING, 0.0, 0.0, {}, ())
        return self._tree.snapshot()

    def checks(self) -> Mapping[str, bool | str]:
        """What was found when it was last looked at."""
        return dict(self._found)


def _ask_postgres(stores: Stores) -> None:
    with stores.pg.transaction() as cursor:
        cursor.execute("SELECT 1")
