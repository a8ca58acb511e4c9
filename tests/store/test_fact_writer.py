"""The synchronous write: no fact gets to Postgres before one that is older."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisAway
from touchline.domain.halts import Phase
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Accepted, AcceptOrder, Made
from touchline.store.entries import Entry
from touchline.store.fact_writer import AHEAD, FactWriter
from touchline.store.ledger import Ledger
from touchline.store.life import Superseded, life_of
from touchline.store.order_kinds import order_from
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.sequence import FactSequence, Stretch

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import spelled
from tests.fakes.failing import Away

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    books = Books(redis, pg)
    books.drain().everything()
    return books


@pytest.fixture
def sequence(books):
    return FactSequence(books.redis, books.keys)


@pytest.fixture
def writer(books, sequence):
    return FactWriter(sequence, Ledger(books.pg), 5.0)


def made(*outcomes):
    """What has just been made, as its maker hands it on."""
    entries = {}
    for each in outcomes:
        entries.setdefault(each.outbox, []).append(Entry(each.entry_id, each.entry))
    return Stretch(entries, life_of(int(outcomes[0].entry["tv"])))


def opened(books):
    return books.scripts.execute([books.open_command()])[0]


def in_ledger(books):
    return books.rows("SELECT (SELECT count(*) FROM trades), (SELECT count(*) FROM cfd_events)")[0]


def test_what_somebody_else_made_before_is_taken_along_from_both_streams(books, writer):
    books.trade(user=2)
    opened(books)
    mine = books.trade()
    books.trade(user=3)

    written = writer.write(made(mine))

    assert in_ledger(books) == (3, 1)
    assert len(written) == 4


def test_facts_that_follow_on_what_was_written_are_written_without_a_look_at_redis(books, sequence):
    redis = Away(sequence, RedisAway("gone"))
    writer = FactWriter(redis, Ledger(books.pg), 5.0)
    writer.write(made(books.trade()))
    redis.away = True

    writer.write(made(books.trade(), opened(books), books.trade()))
    writer.write(made(books.trade()))

    assert in_ledger(books) == (4, 1)


def test_what_cannot_be_read_keeps_what_comes_after_it_from_postgres(books, sequence):
    redis = Away(sequence, RedisAway("gone"))
    writer = FactWriter(redis, Ledger(books.pg), 5.0)
    writer.write(made(books.trade()))
    books.trade(user=2)
    redis.away = True

    with pytest.raises(RedisAway):
        writer.write(made(books.trade()))

    assert in_ledger(books) == (1, 0)


def test_what_was_taken_along_already_is_not_written_again(books, writer):
    first, second = books.trade(user=2), books.trade()
    writer.write(made(first))

    assert len(writer.write(made(second))) == 0
    assert in_ledger(books) == (2, 0)


def test_what_another_has_written_and_taken_off_its_stream_is_no_gap(books, writer):
    mine, other = books.trade(), books.trade(user=2)
    books.drain().facts()
    last = books.trade()

    assert len(writer.write(made(mine))) == 1
    assert len(writer.write(made(other, last))) == 0
    assert in_ledger(books) == (3, 0)


def test_after_a_failure_what_was_not_written_is_taken_along(books, sequence):
    postgres = Away(Ledger(books.pg), psycopg2.OperationalError("away"))
    writer = FactWriter(sequence, postgres, 5.0)
    writer.write(made(books.trade()))
    postgres.away = True
    with pytest.raises(psycopg2.OperationalError):
        writer.write(made(books.trade()))
    postgres.away = False

    writer.write(made(books.trade()))

    assert in_ledger(books) == (3, 0)


def test_with_too_much_before_it_nothing_is_written_until_the_drain_has_caught_up(books, writer):
    trade = books.trade(user=2)
    pipe = books.redis.pipeline(transaction=False)
    for _ in range(AHEAD):
        pipe.xadd(books.keys.trade_outbox, spelled(trade.entry))
    pipe.execute()
    mine = books.trade()

    assert writer.write(made(mine)) is None
    assert not writer.ready()
    assert in_ledger(books) == (0, 0)

    while not books.drain().facts().complete:
        pass
    assert writer.ready()
    assert len(writer.write(made(mine))) == 0
    assert in_ledger(books) == (2, 0)


def test_facts_of_a_redis_that_was_put_back_are_not_written(books, writer):
    lost = books.trade()
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)

    with pytest.raises(Superseded):
        writer.write(made(lost))

    assert in_ledger(books) == (0, 0)
    writer.write(made(books.trade()))
    assert in_ledger(books) == (1, 0)


def test_not_even_facts_that_follow_on_what_was_written_in_that_life(books, writer):
    writer.write(made(books.trade()))
    lost = books.trade()
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)

    with pytest.raises(Superseded):
        writer.write(made(lost))

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
    """Its record has the treasury's version that it found, and so has the fact that made it."""
    in_play(books)
    writer.write(made(books.trade()))
    books.trade(user=2)  # of another replica, whose writer is slow
    writer.write(made(accepted(books)))
    writer.write(made(books.trade()))

    assert_no_gap(books)
    if lost:
        books.redis.flushdb()
        rehydrate(books.redis, books.keys, books.pg)
        assert books.drain().everything().complete
        report = reconcile(books.redis, books.keys, books.pg)
        assert report.ok, report.as_text()


def in_play(books):
    books.redis.set("lease", "feed")
    for idx in books.clubs:
        kick_off = IndexChange(idx=idx, now_ms=1, phase=Phase.LIVE)
        books.scripts.index_apply(kick_off, "lease", "feed")
    books.drain().everything()


def accepted(books):
    """An order that waits in play."""
    command = replace(books.command(user=3), delay_ms=5000)
    [delayed] = books.scripts.execute([command])
    [outcome] = books.scripts.execute([AcceptOrder(order_from(command, delayed))])
    assert isinstance(outcome, Accepted), outcome
    return outcome


class Replicas:
    """Two executors with their writers over one Redis and one Postgres."""

    def __init__(self, books):
        self._books = books
        sequence, ledger = FactSequence(books.redis, books.keys), Ledger(books.pg)
        self._writers = {name: FactWriter(sequence, ledger, 5.0) for name in "ab"}
        self._made = {name: [] for name in "ab"}

    def trade(self, name):
        self._keep(name, self._books.trade(user=2, qty=7))

    def open(self, name):
        self._keep(name, opened(self._books))

    def write(self, name):
        facts, self._made[name] = self._made[name], []
        for life in sorted(set(map(life_at, facts))):
            with suppress(Superseded):
                self._writers[name].write(made(*(f for f in facts if life_at(f) == life)))

    def drain(self, _):
        self._books.drain().facts()

    def empty(self, _):
        self._books.redis.flushdb()
        self.restart(_)

    def restart(self, _):
        self._books.redis.set(self._books.keys.meta("run_id"), "the one before")
        rehydrate(self._books.redis, self._books.keys, self._books.pg)

    def _keep(self, name, outcome):
        if isinstance(outcome, Made):
            self._made[name].append(outcome)


def life_at(outcome):
    return life_of(int(outcome.entry["tv"]))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["trade", "open", "write", "write", "drain", "empty", "restart"]),
        st.sampled_from("ab"),
    ),
    max_size=14,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_whatever_two_replicas_write_and_redis_loses_the_books_agree(books, steps):
    """Postgres has a beginning of what happened at every moment, so any loss is one of the end."""
    replicas = Replicas(books)
    for step, name in (*steps, ("write", "a"), ("write", "b")):
        getattr(replicas, step)(name)
        assert_no_gap(books)

    assert books.drain().everything().complete
    report = reconcile(books.redis, books.keys, books.pg)
    assert report.ok, report.as_text()


def assert_no_gap(books):
    rows = books.rows(
        "SELECT treasury_version FROM wallet_postings WHERE user_id = 0 ORDER BY treasury_version"
    )
    for (before,), (after,) in pairwise(rows):
        first = after & 0xFFFFFFFF == 1 and life_of(after) > life_of(before)
        assert after == before + 1 or first
