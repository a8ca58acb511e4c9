"""Lives of Redis: what was read in one that is over does not reach Postgres."""

import gevent
import pytest
from touchline.store.entries import Entry
from touchline.store.gate import Rehydrating, note_run_id, unnoted_run_id
from touchline.store.ledger import Ledger
from touchline.store.life import (
    Superseded,
    begin_life,
    life_in_postgres,
    life_of_redis,
    show_life,
)
from touchline.store.outage import OUTAGES
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.states import States

from tests.fakes.bookkeeping import Books
from tests.fakes.failing import Meanwhile

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    books = Books(redis, pg)
    rehydrate(redis, books.keys, pg)
    assert books.drain().everything().complete
    return books


def put_back(books):
    """What a restart of Redis brings about."""
    books.redis.set(books.keys.meta("run_id"), "the one before")
    return rehydrate(books.redis, books.keys, books.pg)


def test_every_life_has_a_higher_number_and_redis_and_postgres_know_it(books):
    before = life_of_redis(books.redis, books.keys)

    lives = [put_back(books).epoch for _ in range(2)]

    assert before < lives[0] < lives[1]
    assert lives[1] == life_of_redis(books.redis, books.keys) == life_in_postgres(books.pg)


def test_the_first_fact_of_a_life_counts_on_from_it(books):
    life = put_back(books).epoch

    assert int(books.trade().entry["tv"]) == (life << 32) + 1


@pytest.mark.parametrize("sound", [True, False])
def test_a_fact_of_a_life_that_is_over_is_not_written(books, sound):
    trade = books.trade()
    fact = dict(trade.entry) if sound else {**trade.entry, "qty": "many"}
    life = life_of_redis(books.redis, books.keys)
    begin_life(books.pg, above=life)

    with pytest.raises(Superseded):
        Ledger(books.pg).insert_facts([Entry(trade.entry_id, fact)], life)

    assert books.rows("SELECT count(*) FROM trades") == [(0,)]
    assert books.rows("SELECT count(*) FROM trade_outbox") == [(0,)]


def test_states_that_were_read_before_redis_was_put_back_are_not_written(books):
    """A flusher that was frozen meanwhile; the version may have been given a second time."""
    books.trade()
    drain = books.drain()
    drain._facts = Meanwhile(drain._facts, "run", lambda: put_back(books))

    with pytest.raises(Superseded):
        drain.flush()

    assert books.rows("SELECT count(*) FROM holdings") == [(0,)]
    assert books.drain().everything().complete
    assert books.differences() == []


def test_the_life_of_states_is_that_before_the_first_of_them_was_read(books):
    books.trade()
    peeked_in = life_of_redis(books.redis, books.keys)
    states = States(books.redis, books.keys, books.scripts)

    assert states.peek(10).life == peeked_in


def test_a_new_life_begins_when_whoever_writes_in_the_old_one_has_finished(books):
    life = life_of_redis(books.redis, books.keys)
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with books.pg.transaction() as cursor:
        show_life(cursor, life)
        beginning = gevent.spawn(begin_life, books.pg, life)
        with gevent.Timeout(10):
            while books.rows(waits) == [(0,)]:
                gevent.idle()
        assert not beginning.ready()

    assert beginning.get(timeout=10) > life


def test_that_a_life_is_over_is_an_outage():
    assert issubclass(Superseded, OUTAGES)


def test_who_puts_redis_back_beside_another_does_not_open_the_gate_to_a_life_that_is_over(
    books, monkeypatch
):
    """The other began a later life, and died before it was done."""
    books.redis.set(books.keys.meta("run_id"), "the one before")

    def late(*told):
        begin_life(books.pg, above=0)
        return note_run_id(*told)

    monkeypatch.setattr("touchline.store.rehydrate.note_run_id", late)
    with pytest.raises(Rehydrating):
        rehydrate(books.redis, books.keys, books.pg)

    monkeypatch.undo()
    assert unnoted_run_id(books.redis, books.keys) is not None
    rehydrate(books.redis, books.keys, books.pg)
    books.some_trades()
    assert books.drain().everything().complete


def test_whoever_still_talks_to_a_redis_that_was_left_behind_begins_no_life_there(books):
    """Its run id is noted, and a failover has had another put back since."""
    life = begin_life(books.pg, above=0)
    books.trade()

    assert rehydrate(books.redis, books.keys, books.pg) is None
    with pytest.raises(Superseded):
        books.drain().facts()
    assert life_in_postgres(books.pg) == life


class Busy:
    """A Redis at which somebody trades after each look at the treasury."""

    def __init__(self, books):
        self._books = books

    def __getattr__(self, name):
        return getattr(self._books.redis, name)

    def hget(self, key, field):
        found = self._books.redis.hget(key, field)
        if key == self._books.keys.wallet(0) and self._books.trade_left:
            self._books.trade_left -= 1
            self._books.trade()
        return found


def test_a_new_life_is_entered_while_somebody_trades(books):
    books.redis.set(books.keys.meta("run_id"), "the one before")
    books.trade_left = 5

    life = rehydrate(Busy(books), books.keys, books.pg).epoch

    assert books.trade_left == 0
    assert life == life_of_redis(books.redis, books.keys) == life_in_postgres(books.pg)


def test_a_redis_that_comes_back_without_its_treasury_is_not_opened_before_its_facts(books):
    books.trade()
    books.redis.delete(books.keys.wallet(0), books.keys.meta("run_id"))

    rehydrate(books.redis, books.keys, books.pg)
    books.trade()
    books.drain().everything()

    found = reconcile(books.redis, books.keys, books.pg).verdicts
    assert [verdict.name for verdict in found if not verdict.ok] == []
