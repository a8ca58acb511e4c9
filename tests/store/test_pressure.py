"""How full Redis is: what is counted, and from where on nothing new begins."""

from __future__ import annotations

import pytest
import redis as redis_module
from touchline.store.keys import Keys, OutboxName
from touchline.store.pressure import Load, load

pytestmark = pytest.mark.external

KEYS = Keys("{m}")


def test_facts_of_both_streams_count_together(redis: redis_module.Redis) -> None:
    for name in OutboxName:
        redis.xadd(KEYS.outbox(name), {"k": "any"})

    assert load(redis, KEYS).facts == 2


def test_a_redis_without_a_limit_is_never_full(redis: redis_module.Redis) -> None:
    assert load(redis, KEYS).memory is None


def test_memory_is_told_as_a_share_of_the_limit(redis: redis_module.Redis) -> None:
    used = redis.info("memory")["used_memory"]
    redis.config_set("maxmemory", used * 2)

    try:
        share = load(redis, KEYS).memory
    finally:
        redis.config_set("maxmemory", 0)

    assert share == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("found", "paused", "why"),
    [
        (Load(100, 0.8), False, ""),
        (Load(101, None), False, "101 facts wait for Postgres"),
        (Load(0, 0.81), False, "Redis is 81% full"),
        # And go on again when nine tenths of the facts are left, or there is room.
        (Load(91, None), True, "91 facts wait for Postgres"),
        (Load(0, 0.81), True, "Redis is 81% full"),
        (Load(90, 0.8), True, ""),
    ],
)
def test_new_trades_pause_above_either_limit_and_go_on_well_below_that_of_facts(
    found: Load, paused: bool, why: str
) -> None:
    assert found.excess(100, paused) == why
