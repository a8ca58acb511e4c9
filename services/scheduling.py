"""The scheduler over a process's stores: the exchange's own, and that of a replay."""

from __future__ import annotations

from ..actors.feeds.pace import Pace
from ..actors.feeds.sportmonks_scheduler import SportmonksScheduler
from ..actors.meters import FeedMeter
from ..domain.clock import Calendar
from ..store.corrections import Corrections
from ..store.feed import FeedProvider
from ..store.fixture_acts import FixtureActs
from ..store.fixture_news import FixtureNews
from ..store.lease import Lease
from .stores import Stores


def scheduler(
    stores: Stores,
    provider: FeedProvider,
    lease: Lease,
    calendar: Calendar,
    pace: Pace,
    meter: FeedMeter | None = None,
) -> SportmonksScheduler:
    """One incarnation, which follows *provider* under *lease*."""
    acts = FixtureActs(stores.pg, stores.redis, stores.keys, stores.hot)
    return SportmonksScheduler(
        provider,
        stores.matches,
        Corrections(stores.pg, stores.hot, stores.matches, acts, lease.owner),
        FixtureNews(stores.redis, stores.keys, stores.pg),
        stores.hot,
        stores.scripts,
        lease,
        calendar,
        pace,
        meter,
    )
