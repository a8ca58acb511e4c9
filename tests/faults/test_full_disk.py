"""The disks of Redis and Postgres fill up under a running exchange, and have room again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg2
import pytest
import redis.exceptions as redis_errors
from touchline.store.redis_client import open_redis

from .cramped import CrampedServers
from .exchange import Exchange, open_exchange
from .seen import Seen
from .servers import POSTGRESQL, VALKEY

pytestmark = pytest.mark.long

FULL_S = 5.0


@pytest.fixture(scope="module")
def servers() -> CrampedServers:
    return CrampedServers()


@pytest.fixture(scope="module")
def exchange(
    tmp_path_factory: pytest.TempPathFactory, servers: CrampedServers
) -> Iterator[Exchange]:
    """An exchange whose servers' disks are small."""
    with (
        open_exchange(tmp_path_factory.mktemp("full"), servers=servers) as running,
        running.trading(),
    ):
        yield running


def leave_room_to_park(exchange: Exchange) -> None:
    """Have the table of parked facts a page with room in it, which no full disk takes away."""
    connection = psycopg2.connect(exchange.servers.settings["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO trade_outbox (id, payload) VALUES (gen_random_uuid(), '{}')")
        cursor.execute("DELETE FROM trade_outbox")
    connection.close()


def parked(exchange: Exchange) -> int:
    """How many facts were ever taken for such as Postgres refuses."""
    events = [
        json.loads(line)["event"]
        for service in exchange.services.values()
        for line in service.said()
    ]
    return events.count("fact refused")


def assert_nothing_is_lost(exchange: Exchange, seen: Seen) -> None:
    """Nobody took it for a bug, or for a wrong fact, and every trade is there once."""
    assert seen.ended() == []
    assert seen.restarted() == {}
    assert parked(exchange) == 0
    exchange.has_every_trade_once()


def is_left_to_redis(exchange: Exchange) -> bool:
    """Whether the last trades of all clients are not in Postgres."""
    answers = [list(client.filled.values())[-1] for client in exchange.clients]
    return all(answer["durable"] == "redis" for answer in answers)


def is_away(servers: CrampedServers) -> bool:
    """Whether Redis has ended."""
    client = open_redis(servers.settings["REDIS_URL"], role="test-full")
    try:
        client.ping()
    except redis_errors.ConnectionError:
        return True
    finally:
        client.close()
    return False


def use_up_the_log(exchange: Exchange) -> bool:
    """Have Postgres begin new files of its log; whether it has died of that."""
    try:
        connection = psycopg2.connect(exchange.servers.settings["DATABASE_URL"])
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_switch_wal(), txid_current()")
        connection.close()
    except psycopg2.OperationalError:
        return True
    return False


def test_tables_that_cannot_grow_are_an_outage_and_no_fact_is_taken_for_a_wrong_one(
    exchange: Exchange, servers: CrampedServers
) -> None:
    leave_room_to_park(exchange)

    with exchange.fault() as seen:
        servers.fill(POSTGRESQL)
        exchange.wait(lambda: is_left_to_redis(exchange))
        exchange.goes_on_for(FULL_S)
        servers.make_room()
        exchange.recovers()

    assert_nothing_is_lost(exchange, seen)


def test_a_postgres_that_dies_because_its_log_cannot_grow_is_waited_out(
    exchange: Exchange, servers: CrampedServers
) -> None:
    with exchange.fault() as seen:
        servers.fill(POSTGRESQL)
        exchange.wait(lambda: use_up_the_log(exchange))
        exchange.wait(lambda: is_left_to_redis(exchange))
        exchange.goes_on_for(FULL_S)
        servers.mend()
        exchange.durable_trades_are_there()
        exchange.recovers()

    assert_nothing_is_lost(exchange, seen)


def test_a_redis_that_ends_because_its_log_cannot_grow_is_waited_out(
    exchange: Exchange, servers: CrampedServers
) -> None:
    with exchange.fault() as seen:
        servers.fill(VALKEY)
        exchange.wait(lambda: is_away(servers))
        exchange.goes_on_for(FULL_S)
        servers.mend()
        exchange.durable_trades_are_there()
        exchange.recovers()

    seen.waited_out()
    assert_nothing_is_lost(exchange, seen)


def test_a_redis_that_refuses_writes_while_its_disk_is_full_goes_on_by_itself(
    exchange: Exchange, servers: CrampedServers
) -> None:
    client = open_redis(servers.settings["REDIS_URL"], role="test-full")
    client.config_set("appendfsync", "everysec")

    with exchange.fault() as seen:
        servers.fill(VALKEY)
        exchange.wait(lambda: client.info("persistence")["aof_last_write_status"] == "err")
        exchange.goes_on_for(FULL_S)
        servers.make_room()
        exchange.durable_trades_are_there()
        exchange.recovers()

    client.config_set("appendfsync", "always")
    client.close()
    seen.waited_out()
    assert_nothing_is_lost(exchange, seen)


def test_both_disks_full_at_once_are_waited_out(
    exchange: Exchange, servers: CrampedServers
) -> None:
    with exchange.fault() as seen:
        servers.fill(VALKEY, POSTGRESQL)
        exchange.goes_on_for(FULL_S)
        servers.mend()
        exchange.durable_trades_are_there()
        exchange.recovers()

    assert_nothing_is_lost(exchange, seen)
