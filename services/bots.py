"""The duty that trades for bots, and what it shows on `/metrics`.

Source: docs/market.md, "Bots"; docs/operations.md, "Bots" and "Metrics".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..actors.address import Addresses
from ..actors.bots.engine import BotEngine
from ..actors.bots.meter import BotMeter
from ..actors.child import Child
from ..actors.feeds.pace import Pace
from ..actors.meters import TradeMeter
from ..domain.bots import ROSTER, BotTerms
from ..domain.clock import Calendar
from ..domain.quota import Rates
from ..http.metrics import Metric, Sample
from ..http.position_desk import Checker
from ..http.quotas import Quotas
from ..store.bot_books import BotBooks
from ..store.bot_market import BotMarket
from ..store.lease import Lease
from ..store.withdrawals import Withdrawals
from .bot_desk import BotDesk
from .health import ServiceHealth
from .metrics import single
from .stores import Stores

NAME = "bots"
#: Real seconds between two looks for a step, at least. At high speed steps are over long before,
#: and how much bots trade is then for the machine to bear, not for the calendar to say.
LOOK_FLOOR_S = 0.25
RESULTS = ("filled", "pending", "replayed", "refused", "unavailable")


@dataclass(frozen=True, slots=True)
class Floor:
    """What bots are given of the way that people's orders take."""

    scanner: Checker
    trades: TradeMeter
    rates: Rates
    delay_ms: int
    paused: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Crowd:
    """The bots as this replica knows them; what they have is known to the one that trades."""

    meter: BotMeter
    lease: Lease

    def enabled(self) -> float | None:
        """Whether they may trade."""
        return self.meter.enabled if self.lease.held() else None

    def gains(self) -> Iterator[Sample]:
        """What each has made of its money, in coins."""
        if self.lease.held():
            for period, of_each in (("today", self.meter.today_e4), ("ever", self.meter.ever_e4)):
                yield from (((bot, period), gain / 10_000) for bot, gain in of_each.items())

    def results(self) -> Iterator[Sample]:
        """What came of the orders of each, by result; from 0 an increase can be seen."""
        results = self.meter.results
        for bot in ROSTER:
            yield from (((bot.name, result), results[bot.name, result]) for result in RESULTS)


def bots(
    stores: Stores,
    addresses: Addresses,
    health: ServiceHealth,
    calendar: Calendar,
    pace: Pace,
    terms: BotTerms | None,
    floor: Floor,
) -> list[Child]:
    """The child that trades for bots, shown by *health*; none without *terms*."""
    if terms is None:
        return []
    lease, meter, poll_s = health.lease(NAME), BotMeter(), max(LOOK_FLOOR_S, pace.poll_s)
    books = BotBooks(stores.pg)
    market = BotMarket(stores.redis, stores.keys, stores.hot, stores.scripts)
    desk = BotDesk(
        stores.hot,
        addresses.of("trade-executor"),
        floor.scanner,
        calendar,
        Quotas(floor.rates),
        delay_ms=floor.delay_ms,
        paused=floor.paused,
        meter=floor.trades,
    )
    orders = Withdrawals(stores.redis, stores.keys, stores.scripts)
    crowd = Crowd(meter, lease)
    health.metrics.show(lambda: crowd, *BOTS)

    def engine() -> BotEngine:
        return BotEngine(books, market, desk, orders, lease, calendar, terms, poll_s, meter)

    # Everything goes on without it: people trade with the house.
    return [Child("bot-engine", engine, parkable=True)]


BOTS: tuple[Metric[Crowd], ...] = (
    Metric(
        "gauge",
        "touchline_bots_enabled",
        "1 while bots may trade; where the lease is held.",
        lambda crowd: single(crowd.enabled()),
    ),
    Metric(
        "counter",
        "touchline_bot_orders_total",
        "Orders of bots answered, by bot and result.",
        Crowd.results,
        ("bot", "result"),
    ),
    Metric(
        "gauge",
        "touchline_bot_gain_coins",
        "What trading has made of a bot's money, gifts left out; where the lease is held.",
        Crowd.gains,
        ("bot", "period"),
    ),
    Metric(
        "counter",
        "touchline_bot_steps_total",
        "Steps of the calendar that bots were taken through.",
        lambda crowd: single(crowd.meter.steps),
    ),
)
