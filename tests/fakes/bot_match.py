"""A match of clubs 7 and 8 on real servers, and bots who trade it through the desks of HTTP."""

from __future__ import annotations

from random import Random

import redis as redis_module
from touchline.actors.address import Address
from touchline.actors.bots.engine import BotEngine
from touchline.actors.bots.messages import LeaseDue, StepDue
from touchline.actors.bots.meter import BotMeter
from touchline.actors.meters import TradeMeter
from touchline.actors.trading.messages import Execute
from touchline.domain.bots import Bot, BotTerms
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.positions import Position
from touchline.domain.quota import Rates
from touchline.domain.ticks import IndexChange
from touchline.http.quotas import Quotas
from touchline.services.bot_desk import BotDesk
from touchline.store.bot_books import BotBooks
from touchline.store.bot_market import BotMarket
from touchline.store.lease import Lease
from touchline.store.ledger import Ledger
from touchline.store.orders import Orders
from touchline.store.position_commands import PositionKey
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.release import Release
from touchline.store.scanner import Scanner
from touchline.store.withdrawals import Withdrawals

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.executor import DirectExecutor
from tests.fakes.facts import AT_MS, leave_ids_to

CLUBS = (InstrumentIdx(7), InstrumentIdx(8))
FEED = "the feed"
DELAY_MS = 5_000


class BotMatch:
    """*books* with fixture 5 in play, an engine that is started, and a calendar."""

    def __init__(
        self,
        redis: redis_module.Redis,
        pg: Postgres,
        executor: Address[Execute] | None = None,
        rates: Rates | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.books, self.clock = Books(redis, pg), clock or FakeClock(AT_MS)
        self.books.drain().everything()
        leave_ids_to(pg, 100)
        self._kick_off()
        books = self.books
        self.scanner = Scanner(redis, books.keys, books.scripts, self.clock.calendar)
        self.executor = executor or DirectExecutor(books.scripts, Ledger(pg))
        self.quotas = Quotas(rates or Rates(), self.clock.monotonic)
        self.meter, self.trades = BotMeter(), TradeMeter()
        self.paused = False
        self.engine = self.another()

    def another(self, poll_s: float = 2.0, loss_e4: int = 100_000_000) -> BotEngine:
        """An incarnation of the engine, not started."""
        books = self.books
        desk = BotDesk(
            books.hot,
            self.executor,
            self.scanner,
            self.clock.calendar,
            self.quotas,
            delay_ms=DELAY_MS,
            paused=lambda: self.paused,
            meter=self.trades,
        )
        key = books.keys.lease("bots")
        return BotEngine(
            BotBooks(books.pg),
            BotMarket(books.redis, books.keys, books.hot, books.scripts),
            desk,
            Withdrawals(books.redis, books.keys, books.scripts),
            Lease(books.redis, key, monotonic=self.clock.monotonic, owner="here"),
            self.clock.calendar,
            BotTerms(7, loss_e4),
            poll_s,
            self.meter,
        )

    @property
    def bots(self) -> dict[Bot, UserId]:
        """Who they are."""
        return BotBooks(self.books.pg).enrol()

    def play(self, phase: Phase, minute: int = 1, halt: Halt = OPEN) -> None:
        """The match is in *phase*, as the feed says."""
        for idx in CLUBS:
            self._feed(IndexChange(idx=idx, now_ms=self._now(), phase=phase, halt=halt))
        self.books.rows(
            "UPDATE fixtures SET phase = %s, minute = %s WHERE id = 5", (phase.value, minute)
        )

    def score(self, offset_bps: int) -> None:
        """What happens moves the clubs in opposite directions."""
        for idx, sign in zip(CLUBS, (1, -1), strict=True):
            self._feed(IndexChange(idx=idx, now_ms=self._now(), offset_bps=sign * offset_bps))

    def step(self, seconds: float = 5.0) -> None:
        """The calendar goes on; what is due is released, and the engine looks."""
        self.clock.advance(seconds)
        for position in self.books.positions():
            self.scanner.check(_where(position))
        books = self.books
        orders = Orders(books.redis, books.keys, books.pg)
        Release(orders, books.hot, books.scripts, self.scanner).run(self._now(), lambda: True)
        self.engine.receive(LeaseDue())
        self.engine.receive(StepDue())

    def minutes(self, first: int, last: int, chance: Random) -> None:
        """The match from *first* to *last*, a few steps for each minute, with people who trade."""
        offset = 0
        for minute in range(first, last):
            offset += (200 if chance.random() < 0.05 else 5) * (1 if chance.random() < 0.5 else -1)
            self.play(Phase.LIVE, minute)
            self.score(offset)
            side = "buy" if chance.random() < 0.7 else "sell"
            self.books.trade(1 + minute % 3, 7, side, 12_000)
            for _ in range(3):
                self.step()

    def agree(self) -> bool:
        """Whether all books tell the same story once everything is in Postgres."""
        assert self.books.drain().everything().complete
        report = reconcile(self.books.redis, self.books.keys, self.books.pg)
        assert report.ok, report.as_dict()
        return report.ok

    def _now(self) -> int:
        return self.clock.calendar()

    def _feed(self, change: IndexChange) -> None:
        self.books.redis.set(FEED, FEED)
        self.books.scripts.index_apply(change, FEED, FEED)

    def _kick_off(self) -> None:
        rows = self.books.rows
        rows("INSERT INTO teams (id, name) VALUES (70, 'a'), (80, 'b')")
        rows("UPDATE instruments SET team_id = idx * 10")
        rows(
            "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase,"
            " updated_at) VALUES (5, 70, 80, now(), 's', 'scheduled', now())"
        )
        self.play(Phase.LIVE)


def _where(position: Position) -> PositionKey:
    return PositionKey(position.id, position.user, position.idx)
