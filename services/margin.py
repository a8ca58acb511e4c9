"""The duties that close positions because of ticks, and what they show on `/metrics`.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..actors.address import Addresses
from ..actors.margin.backstop_sweeper import BackstopSweeper
from ..actors.margin.reconnect_listener import ReconnectListener
from ..actors.margin.stop_watcher import StopWatcher
from ..actors.meters import ReplayMeter, StopMeter, SweepMeter
from ..domain.clock import Calendar
from ..domain.ids import UserId
from ..domain.position_events import By
from ..domain.positions import CloseReason
from ..http.metrics import Metric, Sample
from ..store.lease import Lease
from ..store.listening import doorbell, returns
from ..store.reconnects import Reconnects
from ..store.scanner import Scanner
from ..store.sweeping import Sweeping
from ..store.watch import Watch
from .health import ServiceHealth
from .metrics import by_label, single
from .stores import Stores

#: Closes that no scan finds: somebody wanted them.
_WANTED = (CloseReason.CLIENT, CloseReason.ADMIN)
RESULTS = ("done", "nothing", "gone", "elsewhere", "dropped")  #: what may become of a replay


@dataclass(frozen=True, slots=True)
class Margin:
    """What the three duties share, and what outlives their incarnations."""

    stores: Stores
    addresses: Addresses
    calendar: Calendar
    scanner: Scanner
    watch_lease: Lease
    sweep_lease: Lease
    stops: StopMeter = field(default_factory=StopMeter)
    replays: ReplayMeter = field(default_factory=ReplayMeter)
    sweeps: SweepMeter = field(default_factory=SweepMeter)
    waiting: dict[UserId, None] = field(default_factory=dict)  #: users who are back

    def watcher(self) -> StopWatcher:
        """One incarnation of `stop-watcher`."""
        stores = self.stores
        watch = Watch(stores.redis, stores.keys)
        return StopWatcher(
            lambda: doorbell(stores.open_pubsub()),
            watch,
            self.scanner,
            self.watch_lease,
            time.monotonic,
            self.stops,
        )

    def listener(self) -> ReconnectListener:
        """One incarnation of `margin-reconnect-listener`."""
        stores = self.stores
        return ReconnectListener(
            lambda: returns(stores.open_pubsub()),
            Reconnects(stores.redis, stores.keys, stores.replica),
            stores.hot,
            self.scanner,
            self.addresses.of("trade-writer"),
            self.calendar,
            self.replays,
            self.waiting,
        )

    def sweeper(self) -> BackstopSweeper:
        """One incarnation of `margin-backstop-sweeper`."""
        sweeping = Sweeping(self.stores.redis, self.stores.keys)
        return BackstopSweeper(
            self.stores.positions, sweeping, self.scanner, self.sweep_lease, self.sweeps
        )

    def lag_s(self) -> float | None:
        """Seconds since stops were level with prices; known to the one that watches."""
        return self.stops.lag_s(time.monotonic()) if self.watch_lease.held() else None

    def closes(self) -> Iterator[Sample]:
        """Closes by reason and by whoever looked; a series that is to increase begins at 0."""
        counts = self.scanner.counts.closes
        for reason in CloseReason:
            for by in By:
                if reason not in _WANTED and By.CLIENT is not by:
                    yield (reason.value, by.value), counts[reason.value, by.value]


def margin(
    stores: Stores,
    addresses: Addresses,
    health: ServiceHealth,
    calendar: Calendar,
    scanner: Scanner,
) -> Margin:
    """The duties over *stores*, shown by *health*."""
    watch_lease, sweep_lease = health.lease("stop-watcher"), health.lease("margin-backstop")
    made = Margin(stores, addresses, calendar, scanner, watch_lease, sweep_lease)
    health.metrics.show(lambda: made, *MARGIN)
    return made


MARGIN: tuple[Metric[Margin], ...] = (
    Metric(
        "counter",
        "touchline_stop_closes_total",
        "Positions closed by a tick, by what for and by who found it.",
        Margin.closes,
        ("reason", "by"),
    ),
    Metric(
        "gauge",
        "touchline_stop_lag_seconds",
        "Time since all stops were level with the prices; where the lease is held.",
        lambda made: single(made.lag_s()),
    ),
    Metric(
        "counter",
        "touchline_stop_ticks_passed_total",
        "Ticks that the watch has passed because they concerned nobody.",
        lambda made: single(made.stops.passed),
    ),
    Metric(
        "counter",
        "touchline_stop_positions_due_total",
        "Positions that ticks concerned, each time they did.",
        lambda made: single(made.stops.due),
    ),
    Metric(
        "counter",
        "touchline_scan_ticks_total",
        "Ticks read to check positions, whoever asked for it.",
        lambda made: single(made.scanner.counts.ticks),
    ),
    Metric(
        "counter",
        "touchline_replay_gap_total",
        "Positions that were checked though ticks were missing.",
        lambda made: single(made.scanner.counts.gaps),
    ),
    Metric(
        "counter",
        "touchline_replays_total",
        "Users who came back, by what became of their replay.",
        lambda made: by_label(made.replays.results, *RESULTS),
        ("result",),
    ),
    Metric(
        "gauge",
        "touchline_replays_waiting",
        "Users who came back and have not been looked at.",
        lambda made: single(made.replays.waiting),
    ),
    Metric(
        "counter",
        "touchline_sweeps_total",
        "Sweeps over everything that is open.",
        lambda made: single(made.sweeps.sweeps),
    ),
    Metric(
        "counter",
        "touchline_sweep_positions_total",
        "Positions that sweeps have looked at.",
        lambda made: single(made.sweeps.positions),
    ),
    Metric(
        "counter",
        "touchline_sweep_differences_total",
        "Positions open in Postgres that Redis has closed or not at all.",
        lambda made: by_label(made.sweeps.differences, "closed", "missing"),
        ("kind",),
    ),
)
