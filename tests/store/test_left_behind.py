"""A Redis that Postgres has gone on without: what happened in it alone has not happened."""

from contextlib import suppress
from dataclasses import replace

import pytest
from touchline.store.commands import Filled
from touchline.store.gate import Rehydrating
from touchline.store.left_behind import empty_if_left_behind
from touchline.store.life import begin_life, complete_life, life_of_redis
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import AT_MS
from tests.fakes.failing import Interrupted, Killed
from tests.fakes.snapshots import put, take
from tests.fakes.stepping import Fate, Steps

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    books = Books(redis, pg)
    rehydrate(redis, books.keys, pg)
    books.some_trades()
    books.some_positions()
    assert books.drain().everything().complete
    return books


def restarted(books, snapshot=None):
    """Redis has restarted, as it was or as *snapshot*, and is put back."""
    if snapshot is not None:
        put(books.redis, snapshot)
    books.redis.set(books.keys.meta("run_id"), "the one before")
    return rehydrate(books.redis, books.keys, books.pg)


def left_behind(books):
    """One in which something has happened that Postgres has not heard of, and gone on without."""
    books.trade(1, 7, key="theirs")
    books.open(2, 8)
    old = take(books.redis)
    books.redis.flushdb()
    restarted(books)
    books.trade(3, 7)
    books.open(3, 8)
    books.drain().everything()
    return old


def in_ledger(books):
    return books.rows("SELECT (SELECT count(*) FROM trades), (SELECT count(*) FROM cfd_events)")


def contents(books):
    """Every key, whole."""
    return {name: dumped for name, (dumped, _) in take(books.redis).items()}


def agree(books):
    assert books.drain().everything().complete
    report = reconcile(books.redis, books.keys, books.pg)
    assert report.ok, report.as_text()
    assert books.differences() == []


def test_a_fact_of_a_redis_that_was_left_behind_takes_nobodys_place(books):
    """It has the number of a tick that was given to another trade since, and was parked."""
    old = left_behind(books)
    before = (
        books.rows("SELECT count(*) FROM trades"),
        books.rows("SELECT count(*) FROM cfd_events"),
    )

    restarted(books, old)

    agree(books)
    after = books.rows("SELECT count(*) FROM trades"), books.rows("SELECT count(*) FROM cfd_events")
    assert after == before


def test_what_happened_in_it_alone_is_made_anew_when_it_is_asked_for_again(books):
    restarted(books, left_behind(books))

    assert isinstance(books.trade(1, 7, key="theirs"), Filled)

    agree(books)
    assert books.rows("SELECT count(*) FROM trades WHERE idem_key = 'theirs'") == [(1,)]


def test_its_last_price_is_not_in_the_way_of_the_next(books):
    """A stream takes no entry before its last one."""
    books.scripts.execute([replace(books.command(), now_ms=AT_MS + 1_000_000)])
    old = take(books.redis)
    books.redis.flushdb()
    restarted(books)
    restarted(books, old)

    assert isinstance(books.trade(1, 7, key="later"), Filled)
    agree(books)


def test_one_that_lost_nothing_and_one_that_lost_its_end_are_not_emptied(books):
    books.redis.set(books.keys.idem(0, "a witness"), "there")
    kept = take(books.redis)
    books.trade(1, 7)

    restarted(books)
    assert books.redis.exists(books.keys.idem(0, "a witness"))
    kept = take(books.redis)
    books.trade(1, 7)
    restarted(books, kept)

    assert books.redis.exists(books.keys.idem(0, "a witness"))
    agree(books)


def test_a_life_that_was_begun_and_is_not_complete_leaves_no_redis_behind(books):
    """Who put it back died before anybody could trade there; its facts survive."""
    made = books.trade(1, 7)
    complete = complete_life(books.pg)
    begin_life(books.pg, above=life_of_redis(books.redis, books.keys))

    restarted(books)

    agree(books)
    assert complete_life(books.pg) > complete
    assert books.rows("SELECT count(*) FROM trades WHERE id = %s", (made.fill.trade_id,)) == [(1,)]


def test_what_is_of_the_present_stays(books):
    """Who leads, who is connected, and other people's keys."""
    others = {"lease:feed", "ws:presence:1", "hb:replicas", "meta:run_id", "wallets", "position"}
    old = left_behind(books)
    put(books.redis, old)
    for name in others:
        books.redis.set(name, "there")

    assert empty_if_left_behind(books.redis, books.keys, books.pg, lambda: None)

    assert set(books.redis.scan_iter()) == others


def test_dying_while_it_is_emptied_leaves_it_to_the_next(books, monkeypatch):
    monkeypatch.setattr("touchline.store.left_behind.CHUNK", 2)
    old = left_behind(books)
    steps, step = Steps(), 0
    while True:
        step += 1
        put(books.redis, old)
        steps.begin(Fate("kill", step, after=False))
        client = steps.client(books.redis)
        try:
            empty_if_left_behind(client, books.keys, books.pg, lambda: None)
        except Killed:
            restarted(books)
            agree(books)
            continue
        break
    assert step > 10


def test_who_stood_still_while_emptying_takes_nothing_from_what_another_has_put_back(
    books, monkeypatch
):
    """Freezing between its look and its deed; the lease is another's by then, and people trade."""
    monkeypatch.setattr("touchline.store.left_behind.CHUNK", 2)
    old, step, frozen = left_behind(books), 0, True
    while frozen:
        step += 1
        put(books.redis, old)
        done = []

        def by_another(done=done, step=step):
            restarted(books)
            books.trade(1, 7, key=f"meanwhile {step}")
            done.append(contents(books))

        client = Interrupted(books.redis, step, by_another)
        with suppress(Rehydrating):
            empty_if_left_behind(client, books.keys, books.pg, lambda: None)
        frozen = bool(done)
        assert not frozen or contents(books) == done[0], f"step {step}"
    assert step > 10
    restarted(books)
    agree(books)
