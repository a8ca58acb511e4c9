"""The synchronous write: no fact gets to Postgres before one that is older."""

import psycopg2
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisAway
from touchline.store.entries import Entry
from touchline.store.fact_writer import AHEAD, FactWriter
from touchline.store.ledger import Ledger
from touchline.store.life import Superseded
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate

from tests.fakes.bookkeeping import Books
from tests.fakes.examples import examples
from tests.fakes.facts import spelled
from tests.fakes.failing import Away
from tests.fakes.replicas import Replicas, in_play, life_at, sent, stretch_of

pytestmark = pytest.mark.external


@pytest.fixture
def writer(books, sequence):
    return FactWriter(sequence, Ledger(books.pg), 5.0)


def opened(books):
    return books.scripts.execute([books.open_command()])[0]


def in_ledger(books):
    return books.rows("SELECT (SELECT count(*) FROM trades), (SELECT count(*) FROM cfd_events)")[0]


def test_what_somebody_else_made_before_is_taken_along_from_both_streams(books, writer):
    books.trade(user=2)
    opened(books)
    mine = books.trade()
    books.trade(user=3)

    written = writer.write(stretch_of(mine))

    assert in_ledger(books) == (3, 1)
    assert len(written) == 4


def test_facts_that_follow_on_what_was_written_are_written_without_a_look_at_redis(books, sequence):
    redis = Away(sequence, RedisAway("gone"))
    writer = FactWriter(redis, Ledger(books.pg), 5.0)
    writer.write(stretch_of(books.trade()))
    redis.away = True

    writer.write(stretch_of(books.trade(), opened(books), books.trade()))
    writer.write(stretch_of(books.trade()))

    assert in_ledger(books) == (4, 1)


def test_what_cannot_be_read_keeps_what_comes_after_it_from_postgres(books, sequence):
    redis = Away(sequence, RedisAway("gone"))
    writer = FactWriter(redis, Ledger(books.pg), 5.0)
    writer.write(stretch_of(books.trade()))
    books.trade(user=2)
    redis.away = True

    with pytest.raises(RedisAway):
        writer.write(stretch_of(books.trade()))

    assert in_ledger(books) == (1, 0)


def test_what_was_taken_along_already_is_not_written_again(books, writer):
    first, second = books.trade(user=2), books.trade()
    writer.write(stretch_of(first))

    assert len(writer.write(stretch_of(second))) == 0
    assert in_ledger(books) == (2, 0)


def test_what_another_has_written_and_taken_off_its_stream_is_no_gap(books, writer):
    mine, other = books.trade(), books.trade(user=2)
    books.drain().facts()
    last = books.trade()

    assert len(writer.write(stretch_of(mine))) == 1
    assert len(writer.write(stretch_of(other, last))) == 0
    assert in_ledger(books) == (3, 0)


def test_after_a_failure_what_was_not_written_is_taken_along(books, sequence):
    postgres = Away(Ledger(books.pg), psycopg2.OperationalError("away"))
    writer = FactWriter(sequence, postgres, 5.0)
    writer.write(stretch_of(books.trade()))
    postgres.away = True
    with pytest.raises(psycopg2.OperationalError):
        writer.write(stretch_of(books.trade()))
    postgres.away = False

    writer.write(stretch_of(books.trade()))

    assert in_ledger(books) == (3, 0)


def test_with_too_much_before_it_nothing_is_written_until_the_drain_has_caught_up(books, writer):
    trade = books.trade(user=2)
    pipe = books.redis.pipeline(transaction=False)
    for _ in range(AHEAD):
        pipe.xadd(books.keys.trade_outbox, spelled(trade.entry))
    pipe.execute()
    mine = books.trade()

    assert writer.write(stretch_of(mine)) is None
    assert not writer.ready()
    assert in_ledger(books) == (0, 0)

    while not books.drain().facts().complete:
        pass
    assert writer.ready()
    assert len(writer.write(stretch_of(mine))) == 0
    assert in_ledger(books) == (2, 0)


def test_facts_of_a_redis_that_was_put_back_are_not_written(books, writer):
    lost = books.trade()
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)

    with pytest.raises(Superseded):
        writer.write(stretch_of(lost))

    assert in_ledger(books) == (0, 0)
    writer.write(stretch_of(books.trade()))
    assert in_ledger(books) == (1, 0)


def test_not_even_facts_that_follow_on_what_was_written_in_that_life(books, writer):
    writer.write(stretch_of(books.trade()))
    lost = books.trade()
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)

    with pytest.raises(Superseded):
        writer.write(stretch_of(lost))

    assert in_ledger(books) == (1, 0)


def test_of_two_facts_with_one_id_in_their_streams_the_ledger_knows_that_which_it_has(books):
    """Those who wait for facts of a Redis that was put back are told of their own only."""
    trade, position = books.trade(), opened(books)
    facts = [Entry("1792854300123-0", each.entry) for each in (trade, position)]
    ledger = Ledger(books.pg)
    ledger.insert_facts(facts[:1], life_at(trade))

    assert ledger.known(facts) == {(trade.outbox, facts[0].id)}


@pytest.mark.parametrize("lost", [False, True])
def test_an_order_that_waits_does_not_stand_for_the_trade_before_it(books, writer, lost):
    in_play(books)
    books.drain().everything()
    writer.write(stretch_of(books.trade()))
    books.trade(user=2)  # of another replica, whose writer is slow
    writer.write(stretch_of(sent(books)))
    writer.write(stretch_of(books.trade()))

    assert in_ledger(books) == (3, 0)
    if lost:
        books.redis.flushdb()
        rehydrate(books.redis, books.keys, books.pg)
        assert books.drain().everything().complete
        report = reconcile(books.redis, books.keys, books.pg)
        assert report.ok, report.as_text()


def test_an_order_that_nobody_wrote_down_is_not_behind_what_came_after_it(books, writer):
    """Else it is forgotten that it was made, and it is made a second time under its key."""
    replicas = Replicas(books)
    for step, name in (
        ("trade", "a"),
        ("write", "a"),
        ("order", "b"),  # who stands still before it writes
        ("trade", "a"),
        ("write", "a"),
        ("die", ""),  # once it is carried out
        ("trade", "a"),
        ("write", "a"),
        ("empty", ""),
        ("order", "b"),
    ):
        getattr(replicas, step)(name)
        replicas.look()
    replicas.end()

    assert len(replicas.filled()) == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("trade", "open", "order", "order", "another", "write", "write", "drain"),
                *("release", "die", "freeze", "thaw", "halt", "lift"),
                *("keep", "fall_back", "further", "empty", "restart"),
            ]
        ),
        st.sampled_from("ab"),
    ),
    max_size=16,
)


@settings(max_examples=examples(30))
@given(steps=STEPS)
def test_whatever_two_replicas_write_and_redis_loses_the_books_agree(stores, steps):
    """Postgres has a beginning of what happened at every moment, so any loss is one of the end."""
    books = Books(*stores())  # of this example alone: what fails is made smaller on clean ones
    replicas = Replicas(books)
    for step, name in steps:
        getattr(replicas, step)(name)
        note(f"{step} {name}: {replicas}")
        replicas.look()
    replicas.end()

    _check(replicas)


def _check(replicas):
    """Nothing was made twice, and everything agrees."""
    books = replicas.books
    traded = [replicas.keys[order] for order in replicas.filled()]
    assert len(set(traded)) == len(traded), "an order was made twice under its client's key"
    report = reconcile(books.redis, books.keys, books.pg)
    assert report.ok, report.as_text()
