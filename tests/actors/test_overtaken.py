"""Holders of leases that stood still in the middle of their work, with a successor since.

Each wakes up believing in its lease, for its clock stood still as it did, and
goes on with what it had in hand. What keeps it from harm is not the lease: a
fence in Postgres, a script that asks for the owner, or a write that can be
repeated. The scheduler's are in feeds/test_scheduler_overtaken.py, those of the
stop-watcher, whose scripts ask for its lease, in test_stop_watcher.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
import redis as redis_module
from touchline.actors.flush.candle_roller import CandleRoller
from touchline.actors.flush.flusher import Flusher
from touchline.actors.flush.messages import FlushDue, Proved, RollDue, TidyDue
from touchline.actors.flush.reconciler import Reconciler
from touchline.actors.margin.backstop_sweeper import BackstopSweeper
from touchline.actors.margin.messages import SweepDue, WorkDue
from touchline.actors.meters import CandleMeter, ReconcileMeter, SweepMeter
from touchline.actors.trading.messages import ReleaseDue
from touchline.actors.trading.order_releaser import OrderReleaser
from touchline.domain.candles import Interval
from touchline.domain.ids import UserId
from touchline.domain.orders import OrderStatus
from touchline.domain.ticks import TICKS_KEPT_MS, IndexChange
from touchline.store.candles import Candles
from touchline.store.drain import open_drain
from touchline.store.fence import Fence
from touchline.store.gate import Rehydrating
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.position_commands import PositionKey
from touchline.store.postgres import Postgres
from touchline.store.reconcile_runs import ReconcileRuns
from touchline.store.recovery import Recovery
from touchline.store.release import Release
from touchline.store.rolling import Rolling
from touchline.store.sweeping import Sweeping

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.exchange import ANN, ARS, LEASE, OWNER, Exchange
from tests.fakes.failing import Meanwhile
from tests.fakes.stops import Pit
from tests.fakes.waiting import RELEASE_MS, Waiting

pytestmark = pytest.mark.external


class Leases:
    """The leases of one duty, each with a clock of its own, so that one can stand still."""

    def __init__(self, client: redis_module.Redis, keys: Keys, duty: str) -> None:
        self._client = client
        self._key = keys.lease(duty)

    def free(self) -> Lease:
        """The lease for a successor: the one who holds it has not renewed it in time."""
        self._client.delete(self._key)
        return self.new()

    def new(self) -> Lease:
        return Lease(self._client, self._key, monotonic=FakeClock().monotonic)


def run(actor: Any, *messages: object) -> None:
    """The actor is told *messages*, and all that it tells itself because of them."""
    for message in messages:
        actor.receive(message)
        while actor.actor_inbox.depth:
            _, following, _ = actor.actor_inbox.take()
            actor.receive(following)


# -- the flusher


@pytest.mark.parametrize("step", ["statement", "transaction", "flush_ack"])
def test_a_flusher_writes_nothing_over_what_its_successor_wrote(
    redis: redis_module.Redis, pg: Postgres, step: str
) -> None:
    """Before its facts, before its states, or before it takes their marks away."""
    books, leases = Books(redis, pg), Leases(redis, Keys(), "flusher")
    books.some_trades()
    in_postgres: list[object] = []

    def flusher(lease: Lease, scripts: Any, pg: Any) -> Flusher:
        drain = open_drain(redis, books.keys, scripts, pg)
        actor = Flusher(drain, lease, Fence(books.pg, "flusher"), 0.1, FakeClock().monotonic)
        actor.started()
        return actor

    def succeeded() -> None:
        books.some_trades()
        run(flusher(leases.free(), books.scripts, pg), FlushDue())
        in_postgres.append(rows(books))
        books.trade()  # dirty again, and nobody has flushed it

    old = flusher(
        leases.new(), Meanwhile(books.scripts, step, succeeded), Meanwhile(pg, step, succeeded)
    )
    run(old, FlushDue())

    assert in_postgres == [rows(books)]
    run(flusher(leases.free(), books.scripts, pg), FlushDue())
    assert books.differences() == []


def rows(books: Books) -> object:
    holdings = "SELECT * FROM holdings ORDER BY user_id, idx"
    return [books.rows(query) for query in ("SELECT * FROM wallets ORDER BY user_id", holdings)]


# -- the candle-roller


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    yield Pit(exchange)
    exchange.prove()


class Rollers:
    """Candle-rollers over one pit."""

    def __init__(self, pit: Pit, pg: Postgres) -> None:
        self.client, self.keys = pit.exchange.client, pit.exchange.keys
        self.pg, self.books = pg, Candles(pg)
        self.leases = Leases(self.client, self.keys, "candle-roller")

    def successor(self) -> CandleRoller:
        return self.roller(self.leases.free())

    def roller(self, lease: Lease, client: Any = None, books: Any = None) -> CandleRoller:
        clock = FakeClock()
        streams = Rolling(client or self.client, self.keys, books or self.books)
        fence = Fence(self.pg, "candle-roller")
        meter = CandleMeter()
        actor = CandleRoller(streams, lease, fence, clock.calendar, clock.monotonic, meter)
        actor.started()
        return actor

    def seconds(self) -> list[Any]:
        return self.books.read(ARS, Interval.SECOND, start_ms=0, limit=1_000)


def test_a_roller_puts_no_tick_into_candles_that_its_successor_has(pit: Pit, pg: Postgres) -> None:
    rollers = Rollers(pit, pg)
    pit.prices(100, -100, 50)
    seen = []

    def succeeded() -> None:
        pit.prices(10, 20)
        run(rollers.successor(), RollDue())
        seen.extend(rollers.seconds())

    old = rollers.roller(rollers.leases.new(), books=Meanwhile(rollers.books, "add", succeeded))
    run(old, RollDue())

    assert len(seen) == 5
    assert rollers.seconds() == seen
    assert old.detail()["lease"] is False


def test_a_roller_trims_no_tick_that_is_needed_since(pit: Pit, pg: Postgres) -> None:
    rollers, step_ms = Rollers(pit, pg), 300_000
    for n in range(400):  # a day and nine hours
        change = IndexChange(idx=ARS, now_ms=n * step_ms, heartbeat=True)
        pit.exchange.scripts.index_apply(change, LEASE, OWNER)
    run(rollers.roller(rollers.leases.new()), RollDue())
    before = ticks_of(pit)
    stopped: list[str] = []

    def succeeded() -> None:
        pit.now_ms = 400 * step_ms
        stopped.append(pit.long(-300))
        run(rollers.successor(), RollDue(), TidyDue())

    # Between its look at what may go and the trim itself.
    old = rollers.roller(
        rollers.leases.free(), Meanwhile(rollers.client, "pipeline", succeeded, nth=1)
    )
    old.receive(TidyDue())

    kept = ticks_of(pit)
    assert 0 < len(set(before) - set(kept)) <= 400 - TICKS_KEPT_MS // step_ms
    assert kept[:-1] == before[-len(kept) + 1 :]
    assert pit.scanner.check(pit.key(stopped[0])) is None


def ticks_of(pit: Pit) -> list[str]:
    return [tick.id for tick in pit.exchange.hot.ticks(ARS, "0-0", 10_000)]


# -- the order-releaser


@pytest.mark.parametrize("method", ["execute", "orders_done"])
def test_a_releaser_carries_out_no_order_that_its_successor_has(
    redis: redis_module.Redis, method: str
) -> None:
    exchange = Waiting(redis)
    leases = Leases(redis, exchange.keys, "order-release")
    orders = [exchange.pending(), exchange.pending()]

    def releaser(lease: Lease, scripts: Any) -> OrderReleaser:
        clock = FakeClock(calendar_ms=RELEASE_MS)
        release = Release(exchange.orders, exchange.hot, scripts, exchange.scanner)
        actor = OrderReleaser(release, lease, clock.calendar, clock.monotonic)
        actor.started()
        return actor

    def succeeded() -> None:
        run(releaser(leases.free(), exchange.scripts), ReleaseDue())
        assert exchange.waiting() == []

    old = releaser(leases.new(), Meanwhile(exchange.scripts, method, succeeded))
    run(old, ReleaseDue())

    assert exchange.trades() == [order.order_id for order in orders]
    told = [entry["st"] for entry in exchange.facts() if entry["k"] == "order"]
    assert told == ["pending"] * 2 + ["filled"] * 2
    assert {exchange.record(order).status for order in orders} == {OrderStatus.FILLED}


# -- the backstop-sweeper


@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_a_sweeper_closes_nothing_that_its_successor_has_closed(
    pit: Pit, pg: Postgres, pieces: int
) -> None:
    client, keys = pit.exchange.client, pit.exchange.keys
    leases = Leases(client, keys, "margin-backstop")
    stopped = [pit.long(-300) for _ in range(3)]
    hit, _ = pit.prices(-350, 100)
    open_in_postgres = OpenInPostgres(pit, stopped)

    def sweeper(lease: Lease) -> BackstopSweeper:
        actor = BackstopSweeper(
            open_in_postgres, Sweeping(client, keys), pit.new_scanner(), lease, SweepMeter()
        )
        actor.started()
        return actor

    old = sweeper(leases.new())
    old.receive(SweepDue())
    for _ in range(pieces):
        old.receive(WorkDue())
    run(sweeper(leases.free()), SweepDue())
    run(old, WorkDue())

    closes = [entry for entry in pit.exchange.entries() if entry.get("ttick")]
    assert sorted(close["id"] for close in closes) == sorted(stopped)
    assert {close["ttick"] for close in closes} == {hit.tick_id}


class OpenInPostgres:
    """What Postgres has as open, all of Ann's."""

    def __init__(self, pit: Pit, positions: Sequence[str]) -> None:
        self._keys = [pit.key(each) for each in positions]

    def open_by_user(
        self, after: UserId, limit: int
    ) -> Sequence[tuple[UserId, Sequence[PositionKey]]]:
        return [(ANN, self._keys)] if after < ANN else []


# -- the reconciler


def test_a_reconciler_that_wakes_with_an_old_report_does_not_pass_it_for_the_newest(
    redis: redis_module.Redis, pg: Postgres
) -> None:
    books, leases = Books(redis, pg), Leases(redis, Keys(), "reconcile")
    books.some_trades()
    books.drain().everything()
    runs, meter = ReconcileRuns(redis, books.keys, pg), ReconcileMeter()
    old = Reconciler(runs, leases.new(), FakeClock().monotonic)
    old.started()
    well = runs.prove()
    assert well.ok

    redis.hincrby(books.keys.wallet(1), "cash", 1)
    successor = Reconciler(runs, leases.free(), FakeClock().monotonic, meter)
    successor.started()
    successor.receive(Proved(runs.prove(), 0.5))
    old.receive(Proved(well, 60.0))

    last = runs.last()
    assert last is not None
    assert (last.ok, meter.ok) == (False, False)
    assert successor.detail()["ailing"] != ""


# -- whoever puts Redis back


@pytest.mark.parametrize("nth", range(8))
def test_one_that_was_putting_redis_back_undoes_nothing_that_happened_since(
    redis: redis_module.Redis, pg: Postgres, nth: int
) -> None:
    books = Books(redis, pg)
    books.some_trades()
    books.drain().everything()
    redis.flushdb()
    since: list[object] = []

    def recovery(pg: Any) -> Recovery:
        return Recovery(redis, books.keys, pg, monotonic=FakeClock().monotonic)

    def succeeded() -> None:
        redis.delete(books.keys.lease("rehydrate"))
        assert recovery(pg).run()
        books.some_trades()
        since.append(states(books))

    with suppress(Rehydrating):  # it sees at its next step that another has begun
        recovery(Meanwhile(pg, "transaction", succeeded, nth=nth)).run()

    assert since == [states(books)]
    if recovery(pg).due():  # it may have begun a life before it saw that
        assert recovery(pg).run()
    books.drain().everything()
    assert books.differences() == []


def states(books: Books) -> object:
    users = [(books.hot.wallet(user), books.hot.holdings(user)) for user in books.users]
    return users, books.hot.instruments()
