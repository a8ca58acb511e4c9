"""Trades for the bots, step by step of the calendar.

What a bot does in a step follows from what there is to see then, and from chance that the step
gives; nothing is remembered from one step to the next. So a step that is late is simply skipped,
and whoever takes over, after a crash or from another replica, goes on where the calendar is. The
key of each order names its step: what was decided before a crash is not done twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Protocol, assert_never

import structlog

from ...domain.bot_rules import TRAIL_MS
from ...domain.bot_steps import by_club, decisions
from ...domain.bot_views import Account, Decision, Scene, account
from ...domain.bots import Bot, BotTerms, step_of
from ...domain.clock import Calendar
from ...domain.ids import InstrumentIdx, UserId
from ...domain.instrument import Instrument
from ...domain.portfolio import Portfolio
from ...domain.refusals import Refusal
from ...store.bot_books import Gains, Ground
from ...store.lease import Lease
from ...store.worth import Worth
from ..actor import Actor
from .messages import BotEngineMessage, LeaseDue, StepDue
from .meter import BotMeter

RENEW_S = 2.0  #: real seconds between renewals; a third of the lease's time to live
ORDERS_MAX = 64  #: of one step, however many clubs play; the next step begins with another club

log = structlog.get_logger(__name__)


class Books(Protocol):
    """What Postgres knows of bots; `store/bot_books.py` has the real ones."""

    def enrol(self) -> dict[Bot, UserId]:
        """The users who are bots, made where they are not there yet."""

    def ground(self) -> Ground:
        """What the next step stands on."""

    def open_day(self, life: int, worths: Sequence[Worth], now_ms: int) -> None:
        """Write what bots begin the day with, unless that is known."""

    def gains(self, worths: Sequence[Worth], now_ms: int) -> dict[UserId, Gains]:
        """What bots have gained, gifts left out."""


class Market(Protocol):
    """What bots look at in Redis; `store/bot_market.py` has the real one."""

    def endow(self, user: UserId, now_ms: int) -> None:
        """Give a bot what everybody begins with, once for ever."""

    def life(self) -> int:
        """The life that Redis is in."""

    def instruments(self) -> tuple[Instrument, ...]:
        """All clubs."""

    def portfolios(self, users: Sequence[UserId]) -> list[Portfolio]:
        """What each of *users* owns."""

    def waiting(self, users: Sequence[UserId]) -> dict[UserId, frozenset[InstrumentIdx]]:
        """The clubs in which orders of *users* wait."""

    def trails(
        self, clubs: Iterable[InstrumentIdx], since_ms: int
    ) -> dict[InstrumentIdx, tuple[int, ...]]:
        """The index of each club at the last ticks of the feed *since* then."""


class Orders(Protocol):
    """Orders that wait; `store/withdrawals.py` has the real ones."""

    def withdraw(self, users: Collection[UserId], why: Refusal, now_ms: int) -> int:
        """Reject all orders of *users* that wait; how many those were."""


class Brokerage(Protocol):
    """The way of an order to the exchange; `services/bots.py` has the real one."""

    def place(self, wanted: Sequence[Decision]) -> Sequence[tuple[str, str]]:
        """Have *wanted* carried out; of each what it came to, and the code where refused."""


class BotEngine(Actor[BotEngineMessage]):
    """Looks at the market in each step of the calendar, and has each bot do what its rule says.

    Duty: bots trade while matches are on, as people do: by the same desks, limits and delays.
    Reads: prices, portfolios and waiting orders in Redis; the switch, matches and gains in
    Postgres. Writes: orders, through `trade-executor`; users and `bot_days` in Postgres. Of bots
    that are switched off or suspended it takes back the orders that wait.
    Lease: `lease:bots`; it saves double work, an order's key keeps it from being carried out twice.
    While it is down: bots do nothing; what they own stays, and its stops are watched.
    """

    def __init__(
        self,
        books: Books,
        market: Market,
        brokerage: Brokerage,
        orders: Orders,
        lease: Lease,
        calendar: Calendar,
        terms: BotTerms,
        poll_s: float,
        meter: BotMeter,
    ) -> None:
        super().__init__()
        self._books = books
        self._market = market
        self._brokerage = brokerage
        self._orders = orders
        self._lease = lease
        self._calendar = calendar
        self._terms = terms
        self._poll_s = poll_s
        self._meter = meter
        self._users: dict[Bot, UserId] = {}
        self._step: int | None = None  # the last one taken

    def started(self) -> None:
        self._users = self._books.enrol()
        for user in self._users.values():
            self._market.endow(user, self._calendar())
        self._lease.renew()
        self.every(RENEW_S, LeaseDue())
        self.every(self._poll_s, StepDue())

    def receive(self, message: BotEngineMessage) -> None:
        match message:
            case StepDue():
                if self._lease.held():
                    self._look()
            case LeaseDue():
                self._lease.renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        meter = self._meter
        return {
            "lease": self._lease.held(),
            "enabled": meter.enabled,
            "step": self._step,
            "passed": meter.passed,
            "refused": dict(meter.refused),
            "today_e4": dict(meter.today_e4),
            "ever_e4": dict(meter.ever_e4),
        }

    def _look(self) -> None:
        now_ms = self._calendar()
        step = step_of(now_ms)
        if step == self._step:
            return
        self._meter.steps += 1
        self._meter.passed += 0 if self._step is None else max(0, step - self._step - 1)
        self._step = step
        ground = self._books.ground()
        self._note(ground.enabled)
        if ground.enabled:
            self._take(ground, now_ms)
            # Whoever stopped any took back what waited by then, but not what was placed since.
            ground = self._books.ground()
        users = set(self._users.values())
        if not ground.enabled:
            self._withdraw(users, Refusal.BOTS_STOPPED, now_ms)
        elif users - ground.active:
            self._withdraw(users - ground.active, Refusal.ACCOUNT_SUSPENDED, now_ms)

    def _withdraw(self, users: Collection[UserId], why: Refusal, now_ms: int) -> None:
        withdrawn = self._orders.withdraw(users, why, now_ms)
        if withdrawn:
            log.info("orders of bots are taken back", orders=withdrawn, why=why)

    def _note(self, enabled: bool) -> None:
        if enabled != self._meter.enabled:
            self._meter.enabled = enabled
            log.info("bots may trade" if enabled else "bots are switched off")

    def _take(self, ground: Ground, now_ms: int) -> None:
        scene = self._scene(ground, now_ms)
        wanted = list(islice(decisions(scene), ORDERS_MAX))
        if not wanted or not self._lease.held():
            return
        results = self._brokerage.place(wanted)
        for decision, (result, code) in zip(wanted, results, strict=True):
            self._meter.results[decision.bot.name, result] += 1
            if code:
                self._meter.refused[code] += 1

    def _scene(self, ground: Ground, now_ms: int) -> Scene:
        accounts = self._accounts(ground, now_ms)
        instruments = self._market.instruments()
        clubs = by_club(ground.matches)
        if self._terms.everywhere:
            playing = [each.idx for each in instruments]
        else:
            playing = [each.idx for each in instruments if each.idx in clubs]
        return Scene(
            seed=self._terms.seed,
            now_ms=now_ms,
            everywhere=self._terms.everywhere,
            instruments=instruments,
            matches=ground.matches,
            accounts=accounts,
            trails=self._market.trails(playing, now_ms - TRAIL_MS),
        )

    def _accounts(self, ground: Ground, now_ms: int) -> tuple[Account, ...]:
        users = {bot: user for bot, user in self._users.items() if user in ground.active}
        life = self._market.life()  # first: what is read in another is not written down
        waiting = self._market.waiting(list(users.values()))
        portfolios = self._market.portfolios(list(users.values()))
        gains = self._gains(life, portfolios, now_ms)
        found = []
        for (bot, user), portfolio in zip(users.items(), portfolios, strict=True):
            today_e4 = gains[user].today_e4 or 0
            self._meter.today_e4[bot.name] = today_e4
            self._meter.ever_e4[bot.name] = gains[user].ever_e4
            reduces = self._terms.spent(today_e4)
            found.append(account(bot, portfolio, waiting[user], reduces=reduces))
        return tuple(found)

    def _gains(
        self, life: int, portfolios: Sequence[Portfolio], now_ms: int
    ) -> Mapping[UserId, Gains]:
        worths = [Worth(each.user, each.equity_e4, each.wallet.version) for each in portfolios]
        gains = self._books.gains(worths, now_ms)
        if any(each.today_e4 is None for each in gains.values()):
            self._books.open_day(life, worths, now_ms)
            gains = self._books.gains(worths, now_ms)
        return gains
