"""A season on real servers of which each step is taken by hand, everybody in turn.

In a service the feed, orders, stops, bots and boards go on beside each other in real time, so what
meets what differs from run to run. Here nothing runs by itself: the calendar moves by steps, and in
each the duties of an api-server and a flusher have their turn, one after the other. Orders have
ids by their number, because those that were accepted in one millisecond are released by them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any

import redis as redis_module
from gevent.event import AsyncResult
from touchline.actors.boards.messages import LookDue
from touchline.actors.boards.meters import WeekMeter
from touchline.actors.boards.week_freezer import WeekFreezer
from touchline.actors.bots.engine import BotEngine
from touchline.actors.bots.messages import LeaseDue, StepDue
from touchline.actors.bots.meter import BotMeter
from touchline.actors.meters import TradeMeter
from touchline.actors.trading.messages import Execute
from touchline.domain.bot_views import Decision
from touchline.domain.bots import BotTerms
from touchline.domain.ids import UserId
from touchline.domain.leaderboard import week_of
from touchline.domain.quota import Rates
from touchline.domain.spinner import WHEEL
from touchline.domain.trading import Side
from touchline.http.quotas import Quotas
from touchline.matchserver.matches import Season
from touchline.services.bot_desk import BotDesk
from touchline.store.bot_books import BotBooks
from touchline.store.bot_market import BotMarket
from touchline.store.candles import Candles
from touchline.store.commands import Command, TradeCommand
from touchline.store.drain import open_drain
from touchline.store.fence import Fence
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.ledger import Ledger
from touchline.store.orders import Orders
from touchline.store.position_commands import CloseCommand, OpenCommand, PositionKey
from touchline.store.position_hashes import position_of
from touchline.store.postgres import Postgres
from touchline.store.release import Release
from touchline.store.rolling import Rolling
from touchline.store.scanner import Scanner
from touchline.store.scripts import Scripts
from touchline.store.seals import Sealer
from touchline.store.spinner_rounds import SpinnerRounds
from touchline.store.spins import Spins
from touchline.store.start_balance import grant_start_balance
from touchline.store.week_end import WeekEnd
from touchline.store.weekly_books import WeeklyBooks
from touchline.store.withdrawals import Withdrawals

from tests.fakes.clock import FakeClock
from tests.fakes.executor import DirectExecutor
from tests.fakes.facts import add_users, leave_ids_to
from tests.fakes.stadium import Stadium

SPEED = 9_000  #: at which the feed is polled once in three minutes of the calendar, a step
STEP_S = 5.0  #: real seconds that a step passes for: leases and quotas go by them
DELAY_MS = 5_000
LOSS_E4 = 5_000_000
PEOPLE = (UserId(1), UserId(2), UserId(3))
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """What came of a season: each trade in its order, and what was made of them."""

    trades: list[Row]
    positions: list[Row]
    boards: list[Row]
    draws: list[Row]
    wallets: list[Row]
    decisions: list[Decision]


class NumberedExecutor(DirectExecutor):
    """Gives whatever it carries out the next id, in place of one by chance."""

    __slots__ = ("_numbers",)

    def __init__(self, scripts: Scripts, ledger: Ledger) -> None:
        super().__init__(scripts, ledger)
        self._numbers = count(1)

    def tell(self, message: Execute) -> bool:
        return super().tell(replace(message, command=_numbered(message.command, self._numbers)))


def _numbered(command: Command, numbers: count[int]) -> Command:
    match command:
        case TradeCommand():
            return replace(command, trade_id=_id(command.now_ms, next(numbers)))
        case OpenCommand():
            order = replace(command.order, position_id=_id(command.now_ms, next(numbers)))
            return replace(command, order=order)
        case CloseCommand():
            return replace(command, event_id=_id(command.now_ms, next(numbers)))
        case _:
            raise TypeError(f"nobody here sends {command}")


def _id(now_ms: int, number: int) -> str:
    """A UUIDv7 of that instant and number."""
    digits = f"{now_ms << 80 | 7 << 76 | 2 << 62 | number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class OneByOne:
    """Has bots' orders carried out in turn instead of at once, and keeps what was decided."""

    def __init__(self, desk: BotDesk) -> None:
        self._desk = desk
        self.decisions: list[Decision] = []

    def place(self, wanted: Sequence[Decision]) -> list[tuple[str, str]]:
        self.decisions += wanted
        return [answer for each in wanted for answer in self._desk.place([each])]


class SteppedSeason:
    """*season*, people and bots, all by *seed*; the stores are empty."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres, season: Season, seed: int) -> None:
        self._redis, self._pg, self._seed, self._season = redis, pg, seed, season
        self._keys, self._clock, self._chance = Keys(), FakeClock(), Random(seed)
        self._scripts = Scripts(redis, self._keys)
        leave_ids_to(pg, 100)
        self._stadium = Stadium(redis, pg, season, SPEED)
        self._hot, self._calendar = self._stadium.hot, self._stadium.calendar
        self._drain = open_drain(redis, self._keys, self._scripts, pg)
        self._scanner = Scanner(redis, self._keys, self._scripts, self._calendar)
        self._release = Release(
            Orders(redis, self._keys, pg), self._hot, self._scripts, self._scanner
        )
        self._executor = NumberedExecutor(self._scripts, Ledger(pg))
        self._numbers = count(1)
        self._roller = Fence(pg, "candle-roller")
        self._rolling = Rolling(redis, self._keys, Candles(pg))
        self._spinning = SpinnerRounds(pg)
        self._sealer = Sealer(b"s" * 32)
        self._spins = Spins(self._spinning, self._sealer, self._scripts, self._drain)
        self._bots, self._freezer = self._engine(), self._week_freezer()

    def play(self) -> Story:
        """The whole season and what is left of its last week."""
        try:
            self._join()
            while not self._stadium.finished():
                self._step()
            end_ms = week_of(self._calendar()).ends_ms + 600_000
            self._calendar.advance_to(end_ms)
            for _ in range(4):
                self._step()
        finally:
            self._stadium.server.stop()
        return self._story()

    def _join(self) -> None:
        add_users(self._pg, *PEOPLE)
        for user in PEOPLE:
            grant_start_balance(self._hot, self._scripts, user, self._calendar())
        self._roller.take()
        self._bots.started()
        self._freezer.started()

    def _step(self) -> None:
        """Everybody's turn, in the order in which a service lists its duties."""
        self._clock.advance(STEP_S)
        self._promise()
        self._stadium.poll()
        self._watch_stops()
        self._release.run(self._calendar(), lambda: True)
        for user in PEOPLE:
            self._trade(user)
        self._bots.receive(LeaseDue())
        self._bots.receive(StepDue())
        assert self._drain.everything().complete
        while self._rolling.roll(self._roller).ticks:
            pass
        self._freeze()
        for each in self._spins.unfinished():
            self._spins.run(each.week, self._calendar())

    def _promise(self) -> None:
        """Seeds by the season's, and not by chance."""
        for week in (week_of(self._calendar()), week_of(week_of(self._calendar()).ends_ms)):
            seed = hashlib.sha256(f"{self._seed}|{week.name}".encode()).digest()
            sealed = self._sealer.seal(seed, week.name)
            self._spinning.promise(week, seed, sealed, WHEEL, self._calendar())

    def _watch_stops(self) -> None:
        keys = self._redis.scan_iter(self._keys.pos("*"))
        found = [position_of(self._redis.hgetall(key)) for key in keys]
        for one in sorted((each for each in found if each.qty), key=lambda each: each.id):
            self._scanner.check(PositionKey(one.id, one.user, one.idx))

    def _trade(self, user: UserId) -> None:
        """A person buys or sells, now and then."""
        clubs, chance = self._hot.instruments(), self._chance
        if not clubs or chance.random() < 0.8:
            return
        command = TradeCommand(
            trade_id="",
            user=user,
            idx=chance.choice(clubs).idx,
            side=chance.choice((Side.BUY, Side.BUY, Side.SELL)),
            qty=chance.randrange(1_000, 12_000),
            bound_px=None,
            idem_key=f"person-{next(self._numbers)}",
            fingerprint="f",
            client_order_id=None,
            now_ms=self._calendar(),
            delay_ms=DELAY_MS,
        )
        self._executor.tell(Execute(command, AsyncResult()))

    def _freeze(self) -> None:
        freezer = self._freezer
        freezer.receive(LookDue())
        while freezer.actor_inbox.depth:
            _, following, _ = freezer.actor_inbox.take()
            freezer.receive(following)

    def _engine(self) -> BotEngine:
        desk = BotDesk(
            self._hot,
            self._executor,
            self._scanner,
            self._calendar,
            Quotas(Rates(), self._clock.monotonic),
            delay_ms=DELAY_MS,
            paused=lambda: False,
            meter=TradeMeter(),
        )
        self._brokerage = OneByOne(desk)
        return BotEngine(
            BotBooks(self._pg),
            BotMarket(self._redis, self._keys, self._hot, self._scripts),
            self._brokerage,
            Withdrawals(self._redis, self._keys, self._scripts),
            self._lease("bots"),
            self._calendar,
            BotTerms(self._seed, LOSS_E4, everywhere=True),
            2.0,
            BotMeter(),
        )

    def _week_freezer(self) -> WeekFreezer:
        past = WeekEnd(self._redis, self._keys, self._hot, self._pg, self._drain)
        return WeekFreezer(
            WeeklyBooks(self._pg),
            past,
            self._lease("week-freezer"),
            Fence(self._pg, "week-freezer"),
            self._calendar,
            self._clock.monotonic,
            WeekMeter(),
        )

    def _lease(self, name: str) -> Lease:
        return Lease(self._redis, self._keys.lease(name), monotonic=lambda: 0.0, owner="here")

    def _story(self) -> Story:
        return Story(
            trades=self._rows(
                "SELECT t.id, u.display_name, t.idx, side, qty, px, fee_e4, executed_at, idem_key"
                " FROM trades t JOIN users u ON u.id = user_id ORDER BY treasury_version"
            ),
            positions=self._rows(
                "SELECT position_id, kind, user_id, idx, side, qty, px, reason, happened_at"
                " FROM cfd_events ORDER BY treasury_version, position_id, number"
            ),
            boards=self._rows("SELECT * FROM leaderboard_weekly ORDER BY iso_week, board, rank"),
            draws=self._rows(
                "SELECT iso_week, status, prize_no, user_id, amount_e4 FROM spinner_rounds"
                " JOIN spinner_results USING (iso_week) ORDER BY iso_week, prize_no"
            ),
            wallets=self._rows("SELECT user_id, cash_e4, locked_e4 FROM wallets ORDER BY user_id"),
            decisions=self._brokerage.decisions,
        )

    def _rows(self, query: str) -> list[Row]:
        with self._pg.transaction() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())
