"""Redis clients: text in and out, bounded waits, and no retry behind the caller's back."""

import gevent
import pytest
from gevent.server import StreamServer
from redis.exceptions import ResponseError
from touchline.store.embedded import Addresses
from touchline.store.outage import OUTAGES, CannotWrite
from touchline.store.redis_client import open_pubsub_redis, open_redis, raw_replies


@pytest.mark.external
def test_text_goes_in_and_comes_out(redis):
    redis.hset("club", mapping={"name": "Türkiye", "px": 1_000_000})

    assert redis.hgetall("club") == {"name": "Türkiye", "px": "1000000"}


@pytest.mark.external
def test_a_command_of_two_words_is_one_command(servers: Addresses):
    client = open_redis(servers.redis_url, role="packer-under-test")

    sha = client.script_load("return ARGV[1]")

    assert client.evalsha(sha, 0, "said") == "said"
    assert client.client_getname() == "packer-under-test"
    client.close()


@pytest.mark.external
def test_a_connection_the_server_closed_meanwhile_is_replaced_unseen(servers: Addresses, redis):
    client = open_redis(servers.redis_url, role="closed-by-the-server")
    client.set("a", "1")
    redis.client_kill_filter(_id=str(client.client_id()))

    assert client.get("a") == "1"
    client.close()


def test_a_command_on_a_lost_connection_is_not_sent_twice():
    received = []

    def hang_up(connection, _address) -> None:
        received.append(connection.recv(1000))
        connection.close()

    with_server = StreamServer(("127.0.0.1", 0), hang_up)
    with_server.start()
    client = open_redis(f"redis://127.0.0.1:{with_server.server_port}")

    with pytest.raises(OUTAGES):
        client.ping()

    gevent.idle()
    assert len(received) == 1
    with_server.stop()


def test_nobody_listening_is_an_outage(tmp_path):
    with pytest.raises(OUTAGES):
        open_redis(f"unix://{tmp_path}/nobody.sock").ping()


@pytest.mark.external
def test_a_server_that_takes_no_writes_for_now_is_an_outage(redis):
    redis.config_set("min-replicas-to-write", 1)

    try:
        with pytest.raises(CannotWrite):
            redis.set("text", "any")
    finally:
        redis.config_set("min-replicas-to-write", 0)

    assert issubclass(CannotWrite, OUTAGES)


def test_a_published_message_reaches_a_subscriber(servers: Addresses, redis):
    subscriber = open_pubsub_redis(servers.redis_url)
    with subscriber.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.psubscribe("price:*")
        # The answer to PING comes after that to PSUBSCRIBE, so the subscription stands.
        pubsub.ping()
        while pubsub.get_message(timeout=5.0) is None:
            pass

        redis.publish("price:7", "tick")

        message = pubsub.get_message(timeout=5.0)
        assert (message["channel"], message["data"]) == ("price:7", "tick")
    subscriber.close()


def test_raw_replies_come_in_the_order_of_their_commands_and_errors_are_among_them(redis):
    redis.set("a", "text")
    redis.hset("h", mapping={"x": "1"})

    replies = raw_replies(redis, [("HMGET", "h", "x", "y"), ("HGET", "a", "x"), ("GET", "a")])

    assert replies[0] == ["1", None]
    assert isinstance(replies[1], ResponseError)
    assert replies[2] == "text"


def test_raw_replies_that_nobody_waits_for_any_more_reach_nobody_else(servers: Addresses, redis):
    with open_redis(servers.redis_url, connections=1) as client:
        client.delete("empty", "full")
        client.rpush("full", "meant for the one who left")
        waiting = gevent.spawn(raw_replies, client, [("BLPOP", "empty", "0"), ("LPOP", "full")])
        while not redis.info("clients")["blocked_clients"]:
            gevent.sleep(0)
        waiting.kill()

        assert raw_replies(client, [("PING",)]) == ["PONG"]
