"""What is counted, by whom and when; counts stay when the one who counts is replaced."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
import pytest
from gevent.event import AsyncResult
from touchline.actors.feeds.messages import PollDue
from touchline.actors.flush.flusher import Flusher
from touchline.actors.flush.messages import DrainDue, FlushDue, LeaseDue
from touchline.actors.flush.outbox_drainer import OutboxDrainer
from touchline.actors.meters import FRESH_S, FeedMeter, FlushMeter, Seen, Spread, TradeMeter
from touchline.actors.trading.executor import TradeExecutor
from touchline.actors.trading.messages import BatchDue, Execute, WriteFact
from touchline.actors.trading.writer import TradeWriter
from touchline.store.drain import Flushed
from touchline.store.fence import Fence
from touchline.store.keys import OutboxName
from touchline.store.lease import Lease
from touchline.store.ledger import Ledger
from touchline.store.outage import FeedUnavailable
from touchline.store.sequence import FactSequence

from tests.actors.test_trade_executor import CannedScripts, filled, order, refused
from tests.fakes.addresses import RecordingAddress
from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.failing import Away
from tests.fakes.matchday import KICKOFF, LEADING, WON, Exchange


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


@pytest.fixture
def clock():
    return FakeClock()


def test_a_spread_counts_up_to_each_limit_and_beyond_the_last():
    spread = Spread(0.1, 1.0)

    for seconds in (0.05, 0.1, 0.5, 7.0):
        spread.add(seconds)

    assert spread.buckets() == [(0.1, 2), (1.0, 3), (float("inf"), 4)]
    assert spread.total_s == pytest.approx(7.65)


def test_a_number_read_from_a_store_is_shown_until_it_is_old(clock):
    seen = Seen(clock.monotonic)
    assert seen.get() is None

    seen.put(7)
    clock.advance(FRESH_S)
    assert seen.get() == 7
    clock.advance(0.1)
    assert seen.get() is None


# -- trades


def run(meter: TradeMeter, outcome: Callable, *orders: Execute) -> None:
    executor = TradeExecutor(CannedScripts(outcome), RecordingAddress("trade-writer"), meter)
    executor.started()
    for one in orders:
        executor.receive(one)
    executor.receive(BatchDue())


def test_batches_and_their_orders_are_counted_over_restarts_of_the_executor():
    meter = TradeMeter()

    run(meter, filled, order(1), order(2))
    run(meter, filled, order(3))

    assert (meter.batches, meter.batched) == (2, 3)


def test_a_fill_publishes_a_tick_and_a_refusal_none():
    meter = TradeMeter()

    run(meter, filled, order(1), order(2))
    run(meter, refused, order(3))

    assert meter.ticks == 2


@pytest.mark.parametrize("away", [False, True])
def test_a_trade_is_counted_by_where_it_was_safe_when_it_was_answered(books, away):
    meter, outage = TradeMeter(), psycopg2.OperationalError("gone")
    pg = Away(books.pg, outage) if away else books.pg
    if away:
        pg.away = True
    writer = TradeWriter(FactSequence(books.redis, books.keys), Ledger(pg), meter)
    writer.started()

    writer.receive(WriteFact(books.trade(), AsyncResult()))
    writer.receive(BatchDue())

    assert meter.written == ({"redis": 1} if away else {"postgres": 1})


# -- the flush


def flusher(books: Books, clock: FakeClock, meter: FlushMeter, owner: str = "one") -> Flusher:
    key = books.keys.lease("flusher")
    lease = Lease(books.redis, key, monotonic=clock.monotonic, owner=owner)
    fence = Fence(books.pg, "flusher")
    return Flusher(books.drain(), lease, fence, 0.1, clock.monotonic, meter)


def test_rows_are_counted_by_kind_and_facts_by_who_brought_them(books, clock):
    meter = FlushMeter()
    trades = books.some_trades()
    one = flusher(books, clock, meter)
    one.started()

    one.receive(FlushDue())
    one.receive(FlushDue())

    in_postgres = {
        "instruments": books.rows("SELECT count(*) FROM instruments WHERE version > 0")[0][0],
        "wallets": books.rows("SELECT count(*) FROM wallets")[0][0],
        "holdings": books.rows("SELECT count(*) FROM holdings")[0][0],
    }
    assert {kind: meter.rows[kind] for kind in in_postgres} == in_postgres
    assert meter.facts == {"flusher": len(trades) + 3}


def test_a_row_that_postgres_refuses_is_not_counted_as_written(books, clock):
    meter = FlushMeter()
    one = flusher(books, clock, meter)
    one.started()
    books.grant(9)  # whom Postgres does not know

    one.receive(FlushDue())

    assert meter.refused == 1
    assert meter.rows["wallets"] == books.rows("SELECT count(*) FROM wallets")[0][0]


def test_the_lag_goes_on_through_a_restart_of_the_flusher(books, clock):
    meter = FlushMeter()
    flusher(books, clock, meter).started()
    level_at = meter.level_at
    clock.advance(3.0)

    flusher(books, clock, meter).started()

    assert meter.level_at == level_at


def test_the_lag_goes_on_where_nobody_else_flushed_while_the_lease_was_lost(books, clock):
    meter = FlushMeter()
    one = flusher(books, clock, meter)
    one.started()
    level_at = meter.level_at
    clock.advance(60.0)
    books.redis.delete(books.keys.lease("flusher"))  # it has expired

    one.receive(LeaseDue())

    assert meter.level_at == level_at


def test_who_takes_the_lease_from_another_begins_level(books, clock):
    meter = FlushMeter()
    one, other = flusher(books, clock, meter), flusher(books, clock, FlushMeter(), "other")
    one.started()
    one.stopped()
    other.started()
    other.stopped()
    clock.advance(60.0)

    one.receive(LeaseDue())

    assert meter.level_at == clock.monotonic()


class StuckDrain:
    """Facts wait in the stream, and Postgres is away."""

    name = OutboxName.TRADES

    def waiting(self) -> int:
        return 12

    def oldest_s(self) -> float:
        return 40.0

    def facts(self) -> None:
        raise psycopg2.OperationalError("gone")


def test_the_stream_is_read_even_if_it_cannot_be_drained():
    meter = FlushMeter()
    outbox = meter.outboxes[OutboxName.TRADES]

    with pytest.raises(psycopg2.OperationalError):
        OutboxDrainer(StuckDrain(), meter).receive(DrainDue())

    assert (outbox.entries.get(), outbox.oldest_s.get()) == (12, 40.0)
    assert outbox.parked.get() is None


def test_parked_facts_and_those_brought_over_are_counted_after_a_drain(books):
    meter = FlushMeter()
    trades = books.some_trades()
    books.grant(9)  # whom Postgres does not know

    OutboxDrainer(books.drain().outboxes[OutboxName.TRADES], meter).receive(DrainDue())

    assert meter.outboxes[OutboxName.TRADES].entries.get() == len(trades) + 4
    assert meter.outboxes[OutboxName.TRADES].parked.get() == 1
    assert meter.facts == {"drainer": len(trades) + 4}


def test_what_a_flush_left_is_its_backlog(books, clock):
    class Half:
        def flush(self, fence: Fence) -> Flushed:
            return Flushed(waiting=9000, peeked=2100, acked=2100, more=True)

    meter = FlushMeter()
    lease = Lease(books.redis, books.keys.lease("flusher"), monotonic=clock.monotonic)
    one = Flusher(Half(), lease, Fence(books.pg, "flusher"), 0.1, clock.monotonic, meter)
    one.started()

    one.receive(FlushDue())

    assert meter.backlog == 6900


# -- the feed


@pytest.fixture
def match_day(redis, pg):
    return Exchange(redis, pg)


def test_good_and_failed_calls_are_counted_by_what_they_asked_for(match_day):
    match_day.start()
    meter = match_day.meter
    looks, listings = meter.calls["looks", "ok"], meter.calls["listing", "ok"]
    match_day.poll(KICKOFF)
    match_day.feed.down = FeedUnavailable("HTTP 500")
    match_day.poll()

    assert meter.calls["looks", "ok"] == looks + 1
    assert meter.calls["looks", "failed"] == 1
    assert (listings, meter.calls["listing", "failed"]) == (1, 0)


def test_the_last_good_look_is_that_of_the_feed_and_not_of_the_poll(match_day):
    match_day.start()
    match_day.poll(KICKOFF)
    seen_ms = match_day.meter.last_ok_ms
    match_day.feed.down = FeedUnavailable("HTTP 500")
    match_day.poll()

    assert seen_ms == match_day.meter.last_ok_ms == match_day.clock.calendar() - 2000


def test_a_replica_that_takes_over_knows_the_last_good_look_of_the_other(match_day):
    match_day.start()
    match_day.poll(KICKOFF)
    seen_ms = match_day.meter.last_ok_ms
    match_day.scheduler.stopped()
    meter = match_day.meter = FeedMeter()
    match_day.feed.down = FeedUnavailable("HTTP 500")
    successor = match_day.another("two")

    successor.started()
    successor.receive(PollDue())

    assert meter.last_ok_ms == seen_ms


def test_ticks_are_those_that_redis_published(match_day):
    match_day.start()
    match_day.poll(KICKOFF)

    match_day.poll(LEADING)

    published = sum(instrument.seq for instrument in match_day.hot.instruments())
    assert match_day.meter.ticks == published > 0


def test_a_settled_match_is_counted_once_over_restarts_of_the_scheduler(match_day):
    match_day.start()
    match_day.poll(KICKOFF)
    match_day.poll(WON)
    match_day.poll(WON, after_s=120)
    match_day.poll(WON)
    match_day.scheduler = match_day.another()
    match_day.scheduler.started()
    match_day.poll(WON)

    assert match_day.fixtures.progress().settled == 1
    assert match_day.meter.settled == 1
