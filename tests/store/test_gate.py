"""The gate: a Redis that has restarted lets nobody in until it has been put back."""

import pytest
from touchline.store.gate import Rehydrating, gate, note_run_id, unnoted_run_id
from touchline.store.keys import Keys
from touchline.store.outage import OUTAGES
from touchline.store.redis_client import open_pubsub_redis, open_redis

pytestmark = pytest.mark.external

KEYS = Keys()


@pytest.fixture
def gated(servers, redis):
    client = open_redis(servers.redis_url, role="gated", on_connect=gate(KEYS))
    yield client
    client.close()


def note(redis):
    note_run_id(redis, KEYS, redis.info("server")["run_id"], 0)


def test_a_redis_nobody_has_noted_lets_nobody_in(gated):
    with pytest.raises(Rehydrating):
        gated.ping()


def test_a_redis_noted_under_another_run_id_lets_nobody_in(redis, gated):
    note_run_id(redis, KEYS, "the one before", 0)

    with pytest.raises(Rehydrating):
        gated.get("anything")


def test_a_noted_redis_lets_everybody_in(redis, gated):
    note(redis)

    gated.set("text", "Türkiye")

    assert gated.get("text") == "Türkiye"
    assert gated.client_info()["name"] == "gated"


def test_a_refused_connection_may_try_again_and_leaves_none_behind(redis, gated):
    for _ in range(40):  # more than the pool has
        with pytest.raises(Rehydrating):
            gated.ping()
    note(redis)

    assert gated.ping()
    assert [c["name"] for c in redis.client_list()].count("gated") == 1


def test_the_gate_is_asked_when_a_connection_opens_and_not_again(redis, gated):
    note(redis)
    gated.ping()
    redis.config_resetstat()

    for _ in range(10):
        gated.get("anything")

    assert "cmdstat_info" not in redis.execute_command("INFO", "commandstats")


def test_a_connection_that_has_to_be_opened_anew_is_looked_at_anew(redis, gated):
    note(redis)
    gated.ping()
    redis.delete(KEYS.meta("run_id"))
    redis.client_kill_filter(_id=str(gated.client_id()))

    with pytest.raises(Rehydrating):
        gated.ping()


def test_a_pipeline_and_a_subscription_meet_the_gate_too(servers, redis, gated):
    subscriber = open_pubsub_redis(servers.redis_url, on_connect=gate(KEYS))
    pipeline = gated.pipeline(transaction=False)
    pipeline.set("one", "1")

    with pytest.raises(Rehydrating):
        pipeline.execute(raise_on_error=False)
    with pytest.raises(Rehydrating):
        subscriber.pubsub().psubscribe("price:*")

    assert redis.get("one") is None
    subscriber.close()


def test_each_tag_has_a_note_of_its_own(servers, redis, gated):
    note(redis)
    other = open_redis(servers.redis_url, on_connect=gate(Keys("{other}")))

    with pytest.raises(Rehydrating):
        other.ping()

    assert gated.ping()
    other.close()


def test_the_run_id_is_unnoted_until_it_is_noted(redis):
    run_id = redis.info("server")["run_id"]

    assert unnoted_run_id(redis, KEYS) == run_id
    note_run_id(redis, KEYS, run_id, 0)
    assert unnoted_run_id(redis, KEYS) is None


def test_a_shut_gate_is_an_outage():
    assert issubclass(Rehydrating, OUTAGES)
