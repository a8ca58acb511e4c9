"""The writer: a trade is durable before its owner hears of it, and the answer says where."""

import gevent
import psycopg2
import pytest
from gevent.event import AsyncResult
from redis.exceptions import ConnectionError as RedisAway
from structlog.testing import capture_logs
from touchline.actors.trading.messages import (
    BatchDue,
    DeleteDue,
    Executed,
    PostgresReturned,
    Unavailable,
    WriteFact,
)
from touchline.actors.trading.writer import BATCH, TradeWriter
from touchline.http.desk import ANSWER_S
from touchline.store.commands import Filled
from touchline.store.fact_writer import AHEAD
from touchline.store.keys import OutboxName
from touchline.store.ledger import Ledger
from touchline.store.outbox import open_outboxes
from touchline.store.rehydrate import rehydrate
from touchline.store.sequence import FactSequence

from tests.fakes.facts import spelled
from tests.fakes.failing import Away

OUTAGES = [
    psycopg2.OperationalError("server closed the connection"),
    psycopg2.InterfaceError("connection already closed"),
]


class InAnotherStream(Filled):
    """A fact that some other command appended to its own stream."""

    outbox = OutboxName.POSITIONS


class Counted:
    """Both streams, and how often something was deleted from them."""

    def __init__(self, sequence):
        self.read, self._delete = sequence.read, sequence.delete
        self.count = 0

    def delete(self, ids, life):
        self.count += 1
        self._delete(ids, life)


class Frozen:
    """Both streams of a Redis that answers no more once they are read."""

    def __init__(self, sequence):
        self.delete = sequence.delete

    def read(self, after, limit):
        gevent.sleep(60)


@pytest.fixture
def outbox(books):
    return open_outboxes(books.redis, books.keys)[OutboxName.TRADES]


@pytest.fixture(params=OUTAGES, ids=lambda outage: type(outage).__name__)
def postgres(books, request):
    return Away(books.pg, request.param)


def writer_with(pg, sequence):
    writer = TradeWriter(sequence, Ledger(pg))
    writer.started()
    return writer


def written(writer, *trades):
    """Answers to *trades*, written as one batch and taken off their streams."""
    requests = [WriteFact(trade, AsyncResult()) for trade in trades]
    for request in requests:
        writer.receive(request)
    writer.receive(BatchDue())
    writer.receive(DeleteDue())
    return [request.reply.get(block=False) for request in requests]


def test_a_written_trade_is_in_the_ledger_and_out_of_the_stream(books, outbox, sequence):
    writer = writer_with(books.pg, sequence)
    trades = [books.trade(), books.trade(user=2)]

    answers = written(writer, *trades)

    assert answers == [Executed(trade, "postgres") for trade in trades]
    assert [Ledger(books.pg).trade(t.fill.user, t.fill.trade_id) for t in trades] == [
        trade.fill for trade in trades
    ]
    assert outbox.length() == 0


def test_a_fact_leaves_the_stream_that_it_is_in(books):
    outboxes = open_outboxes(books.redis, books.keys)
    writer = writer_with(books.pg, FactSequence(books.redis, books.keys))
    trade = books.trade()
    made = InAnotherStream(trade.fill, trade.entry_id, trade.entry)
    books.redis.xadd(books.keys.outbox(made.outbox), spelled(trade.entry), id=trade.entry_id)
    books.redis.xdel(books.keys.trade_outbox, trade.entry_id)
    writer.receive(WriteFact(books.trade(), AsyncResult()))

    written(writer, made)

    assert outboxes[OutboxName.POSITIONS].length() == 0
    assert outboxes[OutboxName.TRADES].length() == 0


def test_nobody_is_answered_before_the_batch_is_written(books, sequence):
    writer = writer_with(books.pg, sequence)
    request = WriteFact(books.trade(), AsyncResult())

    writer.receive(request)

    assert not request.reply.ready()
    assert writer.actor_inbox.queued() == (BatchDue(),)


def test_a_full_batch_is_written_at_once(books, sequence):
    writer = writer_with(books.pg, sequence)
    trade = books.trade()
    requests = [WriteFact(trade, AsyncResult()) for _ in range(BATCH)]

    for request in requests:
        writer.receive(request)

    assert all(request.reply.ready() for request in requests)


def test_without_postgres_trades_are_durable_in_redis_and_drained_later(
    books, outbox, postgres, sequence
):
    writer = writer_with(postgres, sequence)
    postgres.away = True
    trades = [books.trade(), books.trade(user=2)]

    answers = written(writer, *trades)

    assert answers == [Executed(trade, "redis") for trade in trades]
    assert outbox.length() == 2

    assert books.drain().everything().complete
    assert books.rows("SELECT count(*) FROM trades") == [(2,)]
    assert books.differences() == []


def test_while_postgres_is_away_trades_do_not_wait_for_it(books, postgres, sequence):
    writer = writer_with(postgres, sequence)
    postgres.away = True
    written(writer, books.trade())
    tried = postgres.tried

    request = WriteFact(books.trade(), AsyncResult())
    writer.receive(request)

    assert request.reply.get(block=False).durable == "redis"
    assert postgres.tried == tried
    assert writer.detail() == {
        "postgres": "away",
        "left_behind": 2,
        "ailing": "trades are durable in Redis only, Postgres is away",
    }


def test_a_postgres_that_does_not_answer_is_given_up_while_the_owner_still_waits(
    books, outbox, sequence
):
    writer = writer_with(books.pg, sequence)
    trade = books.trade()

    with books.pg.transaction() as cursor, gevent.Timeout(ANSWER_S):
        cursor.execute("LOCK TABLE trades")
        (answer,) = written(writer, trade)

    assert answer == Executed(trade, "redis")
    assert outbox.length() == 1
    assert writer.detail()["postgres"] == "away"
    # What we gave up Postgres carries out all the same, once the lock is gone.
    with gevent.Timeout(30):
        while books.rows("SELECT count(*) FROM trades") == [(0,)]:
            gevent.idle()


def test_a_postgres_that_is_back_is_written_to_again(books, postgres, sequence):
    writer = writer_with(postgres, sequence)
    postgres.away = True
    written(writer, books.trade())

    still_away = written(writer, books.trade())
    postgres.away = False
    watch = gevent.spawn(writer.links[0])
    told = writer.actor_inbox.queued  # by the watch
    with gevent.Timeout(30):
        while PostgresReturned() not in told():
            gevent.sleep(0)
    watch.kill()
    writer.receive(PostgresReturned())
    back = written(writer, books.trade())

    assert [answer.durable for answer in (*still_away, *back)] == ["redis", "postgres"]


def test_a_return_of_postgres_that_is_told_twice_is_logged_once(books, postgres, sequence):
    writer = writer_with(postgres, sequence)
    postgres.away = True
    written(writer, books.trade())

    with capture_logs() as logs:
        # The watch looks once more before the first of them is handled.
        writer.receive(PostgresReturned())
        writer.receive(PostgresReturned())

    assert [line["event"] for line in logs] == ["trades are durable in postgres again"]


def test_a_refused_trade_is_parked_in_postgres_and_holds_up_no_other(books, outbox, sequence):
    writer = writer_with(books.pg, sequence)
    trades = [books.trade(), books.trade(user=2)]
    books.rows("DELETE FROM holdings")
    books.rows("DELETE FROM wallets WHERE user_id = 2")
    books.rows("DELETE FROM wallet_ledger WHERE user_id = 2")
    books.rows("DELETE FROM users WHERE id = 2")

    answers = written(writer, *trades)

    assert [answer.durable for answer in answers] == ["postgres", "postgres"]
    assert books.rows("SELECT id::text FROM trade_outbox") == [(trades[1].fill.trade_id,)]
    assert outbox.length() == 0


def test_what_has_been_written_leaves_its_stream_in_one_call(books, outbox, sequence):
    calls = Counted(sequence)
    writer = writer_with(books.pg, calls)

    for _ in range(3):
        writer.receive(WriteFact(books.trade(), AsyncResult()))
        writer.receive(BatchDue())
    assert [timer.message for timer in writer.timers] == [DeleteDue()]
    assert outbox.length() == 3

    writer.receive(DeleteDue())

    assert outbox.length() == 0
    assert calls.count == 1


def test_losing_redis_after_the_write_is_not_hidden(books, outbox, sequence):
    redis_away = Away(sequence, RedisAway("gone"))
    writer = writer_with(books.pg, redis_away)
    request = WriteFact(books.trade(), AsyncResult())
    writer.receive(request)
    writer.receive(BatchDue())
    redis_away.away = True

    with pytest.raises(RedisAway):
        writer.receive(DeleteDue())

    assert request.reply.get(block=False).durable == "postgres"
    assert outbox.length() == 1  # the drainer will find it there already


def test_a_redis_that_goes_while_facts_wait_keeps_none_of_their_owners_waiting(books, sequence):
    redis_away = Away(sequence, RedisAway("gone"))
    writer = writer_with(books.pg, redis_away)
    written(writer, books.trade())
    redis_away.away = True
    before, waiting = (
        WriteFact(books.trade(), AsyncResult()),
        WriteFact(books.trade(), AsyncResult()),
    )
    writer.receive(before)
    writer.receive(BatchDue())
    writer.receive(waiting)

    with pytest.raises(RedisAway):
        writer.receive(DeleteDue())

    assert waiting.reply.get(block=False).durable == "postgres"


def test_a_trade_that_redis_has_lost_is_answered_as_one_that_may_not_have_been(books, sequence):
    writer = writer_with(books.pg, sequence)
    books.redis.set(books.keys.meta("run_id"), "the one before")
    kept = books.trade()
    rehydrate(books.redis, books.keys, books.pg)
    lost = books.trade()
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)

    answers = [written(writer, trade)[0] for trade in (kept, lost)]

    assert answers[0] == Executed(kept, "postgres")
    assert isinstance(answers[1], Unavailable)
    assert books.rows("SELECT id::text FROM trades") == [(kept.fill.trade_id,)]
    assert written(writer, books.trade())[0].durable == "postgres"


def test_what_was_written_before_redis_was_lost_deletes_nothing_of_the_one_after(
    books, outbox, sequence
):
    """The clock of another server may be behind, and give the id of a written fact once more."""
    writer = writer_with(books.pg, sequence)
    trade = books.trade()
    writer.receive(WriteFact(trade, AsyncResult()))
    writer.receive(BatchDue())
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)
    later = books.trade(user=2)
    books.redis.delete(books.keys.trade_outbox)
    books.redis.xadd(books.keys.trade_outbox, later.entry, id=trade.entry_id)

    writer.receive(DeleteDue())

    assert outbox.length() == 1
    assert written(writer, books.trade(user=3))[0].durable == "postgres"
    assert outbox.length() == 0
    assert books.rows("SELECT user_id FROM trades ORDER BY 1") == [(1,), (2,), (3,)]


def test_a_redis_that_is_frozen_is_not_taken_for_postgres(books, sequence):
    writer = writer_with(books.pg, Frozen(sequence))
    books.trade(user=2)  # somebody else's: it has to be read

    with capture_logs() as logs, gevent.Timeout(ANSWER_S):
        (answer,) = written(writer, trade := books.trade())

    assert answer == Executed(trade, "redis")
    assert writer.detail() == {"postgres": "there", "left_behind": 1, "ailing": ""}
    assert [line["event"] for line in logs] == ["facts before a trade cannot be read"]


def test_a_trade_of_a_redis_that_was_put_back_is_not_believed_lost_without_postgres(
    books, sequence, postgres
):
    writer = writer_with(postgres, sequence)
    lost = books.trade()
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)
    postgres.away = True

    [answer] = written(writer, lost)

    assert isinstance(answer, Unavailable)


def test_with_a_backlog_before_it_a_trade_is_durable_in_redis_until_the_drain_has_caught_up(
    books, sequence
):
    writer = writer_with(books.pg, sequence)
    before = books.trade(user=2)
    pipe = books.redis.pipeline(transaction=False)
    for _ in range(AHEAD):
        pipe.xadd(books.keys.trade_outbox, spelled(before.entry))
    pipe.execute()

    behind = written(writer, books.trade())
    ailing = writer.detail()["ailing"]
    assert books.drain().everything().complete
    writer.receive(PostgresReturned())
    level = written(writer, books.trade())

    assert [answer.durable for answer in (*behind, *level)] == ["redis", "postgres"]
    assert ailing == "trades are durable in Redis only, facts before them are on their way"


def test_what_waits_when_the_writer_is_stopped_is_written(books, outbox, sequence):
    writer = writer_with(books.pg, sequence)
    request = WriteFact(books.trade(), AsyncResult())
    writer.receive(request)

    writer.stopped()

    assert request.reply.get(block=False).durable == "postgres"
    assert outbox.length() == 0
