"""The duty that draws the winners of a week, and what it shows on `/metrics`.

Source: docs/operations.md, "The weekly spinner".
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..actors.boards.meters import SpinnerMeter
from ..actors.boards.weekly_spinner import WeeklySpinner
from ..actors.child import Child
from ..domain.clock import Calendar
from ..http.metrics import Metric
from ..http.tokens import Signer
from ..store.fence import Fence
from ..store.lease import Lease
from ..store.seals import Sealer
from ..store.spinner_rounds import SpinnerRounds
from ..store.spins import Spins
from .health import ServiceHealth
from .metrics import single
from .stores import Stores

NAME = "spinner"


@dataclass(frozen=True, slots=True)
class Spinning:
    """The draws as this replica knows them; what is left is known to the one that has the lease."""

    meter: SpinnerMeter
    lease: Lease

    def unpaid(self) -> float | None:
        """Prizes that are drawn and not known to be paid."""
        return self.meter.unpaid if self.lease.held() else None

    def hindered(self) -> float | None:
        """Weeks whose draw somebody has to look at."""
        return self.meter.hindered if self.lease.held() else None


def spins(stores: Stores, private_key: str, previous_key: str | None) -> Spins:
    """The steps of a draw, with seeds sealed by the key that signs tokens, or signed before."""
    keys = [key for key in (private_key, previous_key) if key]
    sealer = Sealer(*(Signer(key).secret_for(NAME) for key in keys))
    return Spins(SpinnerRounds(stores.pg), sealer, stores.scripts, stores.drain)


def weekly_spinner(
    stores: Stores, health: ServiceHealth, calendar: Calendar, steps: Spins
) -> Child:
    """The child `weekly-spinner`, shown by *health*; everything goes on without it."""
    lease, fence, meter = health.lease(NAME), Fence(stores.pg, NAME), SpinnerMeter()
    spinning = Spinning(meter, lease)
    health.metrics.show(lambda: spinning, *SPINNER)

    def made() -> WeeklySpinner:
        return WeeklySpinner(steps, lease, fence, calendar, time.monotonic, meter)

    return Child("weekly-spinner", made, parkable=True)


SPINNER: tuple[Metric[Spinning], ...] = (
    Metric(
        "counter",
        "touchline_spinner_draws_total",
        "Weeks that were drawn here.",
        lambda spinning: single(spinning.meter.draws),
    ),
    Metric(
        "gauge",
        "touchline_spinner_unpaid_prizes",
        "Prizes that are drawn and not known to be in the ledger; where the lease is held.",
        lambda spinning: single(spinning.unpaid()),
    ),
    Metric(
        "gauge",
        "touchline_spinner_hindered_weeks",
        "Weeks whose draw somebody has to look at; where the lease is held.",
        lambda spinning: single(spinning.hindered()),
    ),
)
