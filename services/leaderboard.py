"""The duties that rank those who trade and end weeks, and what they show on `/metrics`.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..actors.boards.meters import WeekMeter
from ..actors.boards.ranker import Ranker
from ..actors.boards.week_freezer import WeekFreezer
from ..actors.child import Child
from ..actors.meters import BoardMeter
from ..domain.clock import Calendar, Monotonic
from ..http.metrics import Metric
from ..store.fence import Fence
from ..store.leaderboard_news import LeaderboardNews
from ..store.lease import Lease
from ..store.week_end import WeekEnd
from ..store.weekly_books import WeeklyBooks
from ..store.worth import Worths
from .health import ServiceHealth
from .metrics import single
from .stores import Stores

RANKER = "leaderboard"
FREEZER = "week-freezer"


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


@dataclass(frozen=True, slots=True)
class Freezing:
    """The ends of weeks as this replica knows them; they are known to the one that freezes."""

    meter: WeekMeter
    lease: Lease
    monotonic: Monotonic

    def lag_s(self) -> float | None:
        """How long a week has waited to be frozen."""
        return self.meter.lag_s(self.monotonic()) if self.lease.held() else None


def leaderboards(stores: Stores, health: ServiceHealth, calendar: Calendar) -> list[Child]:
    """The duties of this file.

    Everything goes on without them: a board that stands still is no reason to stop trading.
    """
    return [
        Child(RANKER, _ranker(stores, health, calendar), parkable=True),
        Child(FREEZER, _freezer(stores, health, calendar), parkable=True),
    ]


def _ranker(stores: Stores, health: ServiceHealth, calendar: Calendar) -> Callable[[], Ranker]:
    lease, fence, meter = health.lease(RANKER), Fence(stores.pg, RANKER), BoardMeter()
    books, news = WeeklyBooks(stores.pg), LeaderboardNews(stores.redis, stores.keys)
    values = Worths(stores.redis, stores.keys, stores.hot)
    ranking = Ranking(meter, lease, time.monotonic)
    health.metrics.show(lambda: ranking, *LEADERBOARD)
    return lambda: Ranker(books, values, news, lease, fence, calendar, time.monotonic, meter)


def _freezer(
    stores: Stores, health: ServiceHealth, calendar: Calendar
) -> Callable[[], WeekFreezer]:
    lease, fence, meter = health.lease(FREEZER), Fence(stores.pg, FREEZER), WeekMeter()
    books = WeeklyBooks(stores.pg)
    past = WeekEnd(stores.redis, stores.keys, stores.hot, stores.pg, stores.drain)
    freezing = Freezing(meter, lease, time.monotonic)
    health.metrics.show(lambda: freezing, *WEEKS)
    return lambda: WeekFreezer(books, past, lease, fence, calendar, time.monotonic, meter)


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

WEEKS: tuple[Metric[Freezing], ...] = (
    Metric(
        "gauge",
        "touchline_week_freeze_lag_seconds",
        "Time that a week has waited to be frozen; where the lease is held.",
        lambda freezing: single(freezing.lag_s()),
    ),
    Metric(
        "counter",
        "touchline_weeks_frozen_total",
        "Weeks whose final leaderboards were written.",
        lambda freezing: single(freezing.meter.frozen),
    ),
)
