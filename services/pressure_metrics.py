"""How full Redis is, as `/metrics` shows it. Source: docs/operations.md, "Metrics"."""

from __future__ import annotations

from ..actors.meters import PressureMeter
from ..http.metrics import Metric, Metrics
from .metrics import single


def show_pressure(metrics: Metrics, pressure: PressureMeter) -> None:
    """Show how full Redis is, and whether new trades pause for that."""
    metrics.show(lambda: pressure, *PRESSURE)


PRESSURE: tuple[Metric[PressureMeter], ...] = (
    Metric(
        "gauge",
        "touchline_new_trades_paused",
        "1 while purchases and openings are refused because Redis is too full for them.",
        lambda meter: single(meter.paused()),
    ),
    Metric(
        "gauge",
        "touchline_pressure_facts",
        "Facts that wait for Postgres, in both streams, as last looked at.",
        lambda meter: single(meter.load.facts),
    ),
    Metric(
        "gauge",
        "touchline_redis_memory_ratio",
        "Share of Redis' maxmemory in use, as last looked at; where it has a limit.",
        lambda meter: single(meter.load.memory),
    ),
)
