"""A Redis that is at `maxmemory` when it starts is put back all the same."""

import time
from dataclasses import replace

import pytest
from touchline.domain.halts import Phase
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Accepted, AcceptOrder, Delayed, Filled, Replayed
from touchline.store.drain import drain_everything
from touchline.store.embedded import Embedded
from touchline.store.gate import gate
from touchline.store.order_kinds import order_from
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.recovery import Recovery
from touchline.store.redis_client import open_redis
from touchline.store.rehydrate import rehydrate
from touchline.store.schema import apply_schema
from touchline.store.scripts import Scripts

from tests.embedded_process import short_directory
from tests.fakes.bookkeeping import Books
from tests.fakes.full import full

pytestmark = pytest.mark.external

SETTLED = """
INSERT INTO teams (id, name) VALUES (1, 'A'), (2, 'B');
INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase, settled_at,
                      updated_at) VALUES (41, 1, 2, now(), 'FT', 'finished', now(), now())
RETURNING 1"""


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


def trade_all_there_is(books):
    """Of everything that has to be put back there is something; an order that was carried out."""
    books.some_trades()
    books.some_positions()
    books.rows(SETTLED)
    books.redis.set("lease", "me")
    for idx in books.clubs:
        kick_off = IndexChange(idx=idx, now_ms=1, phase=Phase.LIVE)
        books.scripts.index_apply(kick_off, "lease", "me")
    done = books.command(user=3, side="sell", qty=1)
    assert isinstance(books.scripts.execute([done])[0], Filled)
    for command in (books.command(user=2), books.open_command(user=2)):
        waits = replace(command, delay_ms=5_000)
        [delayed] = books.scripts.execute([waits])
        assert isinstance(delayed, Delayed)
        [filed] = books.scripts.execute([AcceptOrder(order_from(waits, delayed))])
        assert isinstance(filed, Accepted)
    assert books.drain().everything().complete
    return done


def all_of(redis):
    """Values of everything but what is bound to one run, or counts pushes."""
    readers = {
        "hash": redis.hgetall,
        "set": redis.smembers,
        "string": redis.get,
        "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    kinds = {key: redis.type(key) for key in redis.scan_iter()}
    return {key: readers[kind](key) for key, kind in kinds.items() if kind in readers}


@pytest.mark.parametrize("left", ["nothing", "no sums", "an order that was done"])
def test_all_that_was_lost_comes_back(books, left):
    done = trade_all_there_is(books)
    keys, redis = books.keys, books.redis
    match left:
        case "nothing":
            redis.flushdb()
        case "no sums":
            redis.hset(keys.wallet(2), mapping={"rsv": 7, "rpos": 7})
        case "an order that was done":
            books.rows(
                "UPDATE orders SET status = 'rejected', done_at = now(),"
                " reject_code = 'MARKET_HALTED' WHERE kind = 'trade' RETURNING 1"
            )
    redis.set(keys.meta("run_id"), "the one before")

    with full(redis):
        back = rehydrate(redis, keys, books.pg)

    assert back is not None
    assert redis.get(keys.settled(41)) == "1"
    assert isinstance(books.scripts.execute([done])[0], Replayed)
    assert books.drain().everything().complete
    report = reconcile(redis, keys, books.pg)
    assert report.ok, report.as_text()


def test_what_comes_back_is_the_same_as_with_room(books):
    trade_all_there_is(books)
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)
    roomy = all_of(books.redis)
    lasting = {key for key in roomy if books.redis.ttl(key) == -1}
    books.redis.flushdb()

    with full(books.redis):
        rehydrate(books.redis, books.keys, books.pg)

    assert set(all_of(books.redis)) == set(roomy)
    assert {key for key in roomy if books.redis.ttl(key) == -1} == lasting


def test_a_server_that_starts_full_and_empty_is_opened_and_traded_on():
    with short_directory() as root:
        with Embedded(root) as embedded:
            client, pg = open_redis(embedded.redis_url), Postgres(embedded.database_url)
            apply_schema(pg)
            books = Books(client, pg)
            assert Recovery(client, books.keys, pg, monotonic=time.monotonic).run()
            trade_all_there_is(books)
            client.flushall()
            client.close()
            pg.close()
        with Embedded(root) as embedded:
            client, pg = open_redis(embedded.redis_url), Postgres(embedded.database_url)
            with full(client):
                assert Recovery(client, books.keys, pg, monotonic=time.monotonic).run()
                let_in = open_redis(embedded.redis_url, on_connect=gate(books.keys))
                scripts = Scripts(let_in, books.keys)
                [sold] = scripts.execute([books.command(user=3, side="sell", qty=1)])
                assert drain_everything(let_in, books.keys, scripts, pg).complete
            report = reconcile(client, books.keys, pg)
            for each in (let_in, client, pg):
                each.close()

    assert isinstance(sold, Filled)
    assert report.ok, report.as_text()
