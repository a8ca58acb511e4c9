"""What every service shows on `/metrics`: its tree, its health, its HTTP servers.

Each list is read by a person too: one metric an entry, with its help.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter

from ..actors.health import ChildHealth, Health, State
from ..actors.record import Why
from ..http.health_report import HealthSource, judged
from ..http.meter import HttpMeter
from ..http.metrics import Metric, Metrics, Sample
from ..store.lease import Lease


def show_health(
    metrics: Metrics,
    health: HealthSource,
    leases: Mapping[str, Lease],
    listeners: Sequence[HttpMeter],
) -> None:
    """Show the tree of *health* and what it says of itself, its *leases* and its *listeners*."""
    metrics.show(health.snapshot, *TREE)
    metrics.show(lambda: health, *HEALTH)
    metrics.show(lambda: leases, *LEASES)
    metrics.show(lambda: listeners, *HTTP)


def single(number: float | None) -> tuple[Sample, ...]:
    """The one sample of a metric without labels; none if the number is not known."""
    return () if number is None else (((), number),)


def by_label(counts: Mapping[str, float], *always: str) -> Iterator[Sample]:
    """One sample an entry, and one for each of *always*: from 0 an increase can be seen."""
    for key in dict.fromkeys((*always, *counts)):
        yield (key,), counts.get(key, 0)


def _each(number: Callable[[ChildHealth], float]) -> Callable[[Health], Iterator[Sample]]:
    """One sample a child."""
    return lambda tree: (((child.name,), number(child)) for child in tree.walk())


def _restarts(tree: Health) -> Iterator[Sample]:
    for child in tree.walk():
        # Those that never happened too: a series that appears with a 1 shows no increase.
        yield from (((child.name, why.value), child.ends.get(why.value, 0)) for why in Why)


TREE: tuple[Metric[Health], ...] = (
    Metric(
        "gauge",
        "touchline_child_up",
        "1 while the child runs.",
        _each(lambda child: child.state is State.RUNNING),
        ("child",),
    ),
    Metric(
        "gauge",
        "touchline_child_state",
        "1 for the state the child is in; the other states are left out.",
        lambda tree: (((child.name, child.state.value), 1) for child in tree.walk()),
        ("child", "state"),
    ),
    Metric(
        "counter",
        "touchline_child_restarts_total",
        "Incarnations of the child that gave way to another one, by reason.",
        _restarts,
        ("child", "reason"),
    ),
    Metric(
        "counter",
        "touchline_child_outages_total",
        "Outages the child has waited or is waiting out, however many tries each took.",
        _each(attrgetter("outages")),
        ("child",),
    ),
    Metric(
        "gauge",
        "touchline_child_mailbox_messages",
        "Messages that wait for the child.",
        _each(attrgetter("depth")),
        ("child",),
    ),
    Metric(
        "gauge",
        "touchline_child_mailbox_oldest_seconds",
        "How long the oldest message that waits for the child has waited.",
        _each(attrgetter("oldest_s")),
        ("child",),
    ),
    Metric(
        "counter",
        "touchline_child_messages_dropped_total",
        "Messages to the child that were lost: its mailbox was full, or it was stopped.",
        _each(attrgetter("dropped")),
        ("child",),
    ),
    Metric(
        "counter",
        "touchline_child_messages_handled_total",
        "Messages the child has handled.",
        _each(attrgetter("handled")),
        ("child",),
    ),
    Metric(
        "counter",
        "touchline_child_handling_seconds_total",
        "Time the child has spent on the messages it handled, waiting for stores included.",
        _each(attrgetter("handling_s")),
        ("child",),
    ),
    Metric(
        "gauge",
        "touchline_child_busy_seconds",
        "How long the child has been busy with the message at hand; 0 while it waits for one.",
        _each(attrgetter("busy_s")),
        ("child",),
    ),
    Metric(
        "gauge",
        "touchline_loop_lag_seconds",
        "Worst lateness of a 100 ms timer in the last 10 s.",
        lambda tree: single(tree.loop_lag_ms / 1000),
    ),
)

HEALTH: tuple[Metric[HealthSource], ...] = (
    Metric(
        "gauge",
        "touchline_ready",
        "1 while /readyz answers 200.",
        lambda health: single(judged(health).serves),
    ),
    Metric(
        "gauge",
        "touchline_dependency_up",
        "1 if the server answered when it was last asked.",
        lambda health: (((name,), ok is True) for name, ok in health.checks().items()),
        ("dependency",),
    ),
    Metric(
        "gauge",
        "touchline_build_info",
        "Always 1; who answers, in the labels.",
        lambda health: (
            ((health.identity.service, health.identity.replica, health.identity.version), 1),
        ),
        ("service", "replica", "version"),
    ),
)

LEASES: tuple[Metric[Mapping[str, Lease]], ...] = (
    Metric(
        "gauge",
        "touchline_lease_held",
        "1 while this replica holds the lease.",
        lambda leases: by_label({name: lease.held() for name, lease in leases.items()}),
        ("lease",),
    ),
)

HTTP: tuple[Metric[Sequence[HttpMeter]], ...] = (
    Metric(
        "counter",
        "touchline_http_requests_total",
        "Requests answered, by the class of their status.",
        lambda meters: (
            ((meter.listener, status), count)
            for meter in meters
            for status, count in meter.answered.items()
        ),
        ("listener", "status"),
    ),
    Metric(
        "histogram",
        "touchline_http_request_seconds",
        "From a request's last byte to its answer's.",
        lambda meters: (((meter.listener,), meter.seconds) for meter in meters),
        ("listener",),
    ),
    Metric(
        "gauge",
        "touchline_http_connections",
        "HTTP connections open now, those of WebSockets left out.",
        lambda meters: (((meter.listener,), meter.open) for meter in meters),
        ("listener",),
    ),
)
