"""Running scripts: loading, order, failures."""

from typing import Any

import pytest
import redis as redis_module
from redis.exceptions import ResponseError
from touchline.domain.trading import Side
from touchline.store.commands import Filled
from touchline.store.lua import LuaScript, run_ahead, run_all

from tests.fakes.exchange import ANN, Exchange

pytestmark = pytest.mark.external


def test_a_redis_that_lost_its_scripts_gets_them_again(redis: redis_module.Redis) -> None:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    commands = [exchange.command(Side.BUY, 1) for _ in range(3)]
    redis.script_flush()

    outcomes = exchange.scripts.execute(commands)

    assert [outcome.fill.seq for outcome in outcomes if isinstance(outcome, Filled)] == [1, 2, 3]
    exchange.prove()


def test_calls_of_several_scripts_are_answered_in_their_order_and_loaded_on_the_way(
    redis: redis_module.Redis,
) -> None:
    client: Any = redis
    client.sadd("dirty", "5")
    client.set("lease", "me")
    ack, release = LuaScript("flush_ack"), LuaScript("lease_release")
    client.script_flush()
    ack.load(redis)

    replies = run_all(
        redis,
        [
            (release, (["lease"], ["me"])),
            (ack, (["dirty", "hash"], ["5", "v", "1"])),
            (ack, (["dirty", "hash"], ["5", "v", "0"])),
            (release, (["lease"], ["me"])),
        ],
    )

    assert replies == [1, 0, 1, 0]


def test_a_failing_call_is_raised_after_the_others_have_run(redis: redis_module.Redis) -> None:
    client: Any = redis
    client.set("not a set", "x")
    client.sadd("a set", "5")
    calls = [(["not a set", "h"], ["5", "v", "0"]), (["a set", "h"], ["5", "v", "0"])]

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        LuaScript("flush_ack").run_all(redis, calls)

    assert not client.exists("a set")


def test_a_batch_is_sent_before_the_one_before_it_has_answered(redis: redis_module.Redis) -> None:
    client: Any = redis
    release = LuaScript("lease_release")
    release.load(redis)
    client.mset({"a": "me", "b": "me", "c": "me"})
    made: list[str] = []

    def batches() -> Any:
        for key in "abc":
            made.append(key)
            yield [(release, ([key], ["me"])), (release, ([key], ["me"]))]

    replies = run_ahead(redis, batches())

    assert next(replies) == [1, 0]
    assert made == ["a", "b"]
    assert list(replies) == [[1, 0], [1, 0]]


def test_whoever_stops_listening_leaves_no_replies_to_the_next(redis: redis_module.Redis) -> None:
    release = LuaScript("lease_release")
    release.load(redis)
    replies = run_ahead(redis, ([(release, ([key], ["me"]))] for key in "abc"))
    next(replies)

    replies.close()

    assert redis.echo("hello") == "hello"
