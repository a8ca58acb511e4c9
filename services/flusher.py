"""The flusher: drains Redis into Postgres."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..actors.address import Addresses
from ..actors.child import Child
from ..actors.flush.flusher import Flusher
from ..actors.flush.outbox_drainer import OutboxDrainer
from ..actors.flush.reconciler import Reconciler
from ..actors.listener import DRAIN_S, HttpListener
from ..actors.meters import FlushMeter, ReconcileMeter
from ..config import FlusherSettings
from ..domain.clock import Calendar, system_calendar
from ..http.health import HealthApp
from ..http.serve import ServerFactory
from ..store.fence import Fence
from ..store.keys import OutboxName
from ..store.reconcile_runs import ReconcileRuns
from .boot import prepare, rehydrator
from .candles import candle_roller
from .duty_metrics import Flush, Reconciliation, show_flush, show_reconciliation
from .groups import group
from .health import ServiceHealth
from .logs import name_process
from .stores import Stores, open_stores
from .supervise import stay, supervise
from .waiting_room import waiting_room

SERVICE = "flusher"
LISTENER = "health-listener"
#: One a drain, one each for candles, the health probe, the rehydrator and the proofs of the books.
POSTGRES_CONNECTIONS = 7


def children(
    stores: Stores, health: ServiceHealth, flush_interval_s: float, calendar: Calendar
) -> list[Child]:
    """The duties of a flusher, in the order they start."""
    lease, fence, meter = health.lease("flusher"), Fence(stores.pg, "flusher"), FlushMeter()
    show_flush(health.metrics, Flush(meter, lease, time.monotonic))

    def flush() -> Flusher:
        return Flusher(stores.drain, lease, fence, flush_interval_s, time.monotonic, meter)

    trades, positions = (stores.drain.outboxes[name] for name in OutboxName)
    return [
        group(
            "flush",
            Child("trade-outbox-drainer", lambda: OutboxDrainer(trades, meter)),
            Child("position-outbox-drainer", lambda: OutboxDrainer(positions, meter)),
            Child("flusher", flush),
            # Without candles for a while everything goes on, the flusher above all.
            Child("candle-roller", candle_roller(stores, health, calendar), parkable=True),
        ),
        # Beside the group: it goes on without it.
        Child("reconciler", _reconciler(stores, health), parkable=True),
    ]


def _reconciler(stores: Stores, health: ServiceHealth) -> Callable[[], Reconciler]:
    lease, meter = health.lease("reconcile"), ReconcileMeter()
    books = ReconcileRuns(stores.redis, stores.keys, stores.pg)
    show_reconciliation(health.metrics, Reconciliation(meter, lease, time.monotonic))
    return lambda: Reconciler(books, lease, time.monotonic, meter)


def run(settings: FlusherSettings) -> int:
    """Run a flusher until told to stop; return the exit code of the process."""
    stores = open_stores(settings.servers, SERVICE, connections=POSTGRES_CONNECTIONS)
    health = ServiceHealth(SERVICE, stores)
    name_process(SERVICE, stores.replica)
    with waiting_room("HEALTH_PORT", settings.host, settings.health_port, health):
        prepare(stores, health.note)
    listed = [
        rehydrator(stores),
        *children(stores, health, settings.flush_interval_s, system_calendar),
    ]
    if settings.health_port is not None:
        meter = health.http_meter(LISTENER)
        open_http = ServerFactory(
            settings.host, settings.health_port, HealthApp(health), meter=meter
        )
        listed.append(Child(LISTENER, lambda: HttpListener(open_http), stop_s=DRAIN_S))
    code = supervise(listed, addresses=Addresses(), health=health, ready=stay)
    stores.close()
    return code
