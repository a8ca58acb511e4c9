"""The duty that makes candles, and what it shows on `/metrics`.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..actors.flush.candle_roller import CandleRoller
from ..actors.meters import CandleMeter
from ..domain.clock import Calendar, Monotonic
from ..http.metrics import Metric
from ..store.fence import Fence
from ..store.lease import Lease
from ..store.rolling import Rolling
from .health import ServiceHealth
from .metrics import single
from .stores import Stores

NAME = "candle-roller"


@dataclass(frozen=True, slots=True)
class Candling:
    """Candles as this replica knows them; their lag is known to the one that makes them."""

    meter: CandleMeter
    lease: Lease
    monotonic: Monotonic

    def lag_s(self) -> float | None:
        """Seconds since candles were level with the prices."""
        return self.meter.lag_s(self.monotonic()) if self.lease.held() else None


def candle_roller(
    stores: Stores, health: ServiceHealth, calendar: Calendar
) -> Callable[[], CandleRoller]:
    """What makes incarnations of `candle-roller`, shown by *health*."""
    lease, fence, meter = health.lease(NAME), Fence(stores.pg, NAME), CandleMeter()
    rolling = Rolling(stores.redis, stores.keys, stores.candles)
    candling = Candling(meter, lease, time.monotonic)
    health.metrics.show(lambda: candling, *CANDLES)
    return lambda: CandleRoller(rolling, lease, fence, calendar, time.monotonic, meter)


CANDLES: tuple[Metric[Candling], ...] = (
    Metric(
        "gauge",
        "touchline_candle_lag_seconds",
        "Time since all ticks were in candles; where the lease is held.",
        lambda candling: single(candling.lag_s()),
    ),
    Metric(
        "counter",
        "touchline_candle_ticks_total",
        "Ticks put into candles.",
        lambda candling: single(candling.meter.ticks),
    ),
    Metric(
        "counter",
        "touchline_candle_rows_total",
        "Candles begun or added to.",
        lambda candling: single(candling.meter.rows),
    ),
    Metric(
        "counter",
        "touchline_candles_forgotten_total",
        "Candles of a second that were deleted because of their age.",
        lambda candling: single(candling.meter.forgotten),
    ),
    Metric(
        "counter",
        "touchline_ticks_trimmed_total",
        "Ticks that left their streams because nobody needs them any more.",
        lambda candling: single(candling.meter.trimmed),
    ),
)
