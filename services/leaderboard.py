"""The duty that ranks those who trade, and what it shows on `/metrics`.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..actors.boards.ranker import Ranker
from ..actors.meters import BoardMeter
from ..domain.clock import Calendar, Monotonic
from ..http.metrics import Metric
from ..store.fence import Fence
from ..store.leaderboard_news import LeaderboardNews
from ..store.lease import Lease
from ..store.weekly_books import WeeklyBooks
from ..store.worth import Worths
from .health import ServiceHealth
from .metrics import single
from .stores import Stores

NAME = "leaderboard"


@dataclass(frozen=True, slots=True)
class Ranking:
    """The board as this replica knows it; it is known to the one that makes it."""

    meter: BoardMeter
    lease: Lease
    monotonic: Monotonic

    def age_s(self) -> float | None:
        """How old the last board is."""
        return self.meter.age_s(self.monotonic()) if self.lease.held() else None

    def players(self) -> float | None:
        """How many are on it."""
        return self.meter.players if self.lease.held() else None


def leaderboard(stores: Stores, health: ServiceHealth, calendar: Calendar) -> Callable[[], Ranker]:
    """What makes incarnations of `leaderboard`, shown by *health*."""
    lease, fence, meter = health.lease(NAME), Fence(stores.pg, NAME), BoardMeter()
    books, news = WeeklyBooks(stores.pg), LeaderboardNews(stores.redis, stores.keys)
    values = Worths(stores.redis, stores.keys, stores.hot)
    ranking = Ranking(meter, lease, time.monotonic)
    health.metrics.show(lambda: ranking, *LEADERBOARD)
    return lambda: Ranker(books, values, news, lease, fence, calendar, time.monotonic, meter)


LEADERBOARD: tuple[Metric[Ranking], ...] = (
    Metric(
        "gauge",
        "touchline_leaderboard_age_seconds",
        "Time since the leaderboard was made; where the lease is held.",
        lambda ranking: single(ranking.age_s()),
    ),
    Metric(
        "gauge",
        "touchline_leaderboard_players",
        "Users on the leaderboard of the week; where the lease is held.",
        lambda ranking: single(ranking.players()),
    ),
    Metric(
        "counter",
        "touchline_leaderboard_told_total",
        "Leaderboards that differed from the one shown before.",
        lambda ranking: single(ranking.meter.told),
    ),
)
