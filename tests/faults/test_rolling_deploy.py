"""Two versions side by side, on the way to the next one and on the way back, under trading load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import psycopg2
import pytest
from touchline.store.lua import KERNEL, MARKET, TICKS, WALLETS, LuaScript
from touchline.store.redis_client import open_redis

from tests.processes import Process

from .exchange import Exchange, open_exchange
from .index import Index
from .person import Person
from .release import VERSION, NextVersion

pytestmark = pytest.mark.long

SIDE_BY_SIDE_S = 2.0  #: forty orders
#: One flusher is replaced first, so that the next one drains beside the present one, in "second".
IN_TURN = ("flusher", "api-server", "ws-server", "second")
TRADE = (KERNEL, WALLETS, MARKET, TICKS, "trade_execute")


@pytest.fixture(scope="module")
def upcoming(tmp_path_factory: pytest.TempPathFactory) -> NextVersion:
    return NextVersion(tmp_path_factory.mktemp("next"))


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange of its own: what this leaves behind in the database is not for others."""
    root: Path = tmp_path_factory.mktemp("rolling")
    with open_exchange(root) as running, running.trading():
        yield running


def deploy(exchange: Exchange, settings: Mapping[str, str]) -> None:
    """Replace one process after the other, each beside others of the version before."""
    for name in IN_TURN:
        service = exchange.services[name]
        assert service.replace(settings) == 0
        exchange.wait(service.is_ready)
        before = [len(client.filled) for client in exchange.clients]
        exchange.goes_on_for(SIDE_BY_SIDE_S)
        traded = [len(c.filled) - n for c, n in zip(exchange.clients, before, strict=True)]
        assert all(traded), (name, traded)


def versions(exchange: Exchange) -> set[str]:
    return {service.version() for service in exchange.services.values()}


def lasting(exchange: Exchange) -> list[tuple[str, int]]:
    """Names of the schema's files as the database remembers them, and what the next one added."""
    connection = psycopg2.connect(exchange.servers.settings["DATABASE_URL"])
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT name FROM schema_files ORDER BY number DESC LIMIT 1),"
                " (SELECT min(next_count) FROM wallets)"
            )
            return list(cursor.fetchall())
    finally:
        connection.close()


def schema_check(exchange: Exchange) -> int:
    """What the present version says of a schema that the next one has been at."""
    with Process("schema", "check", env=exchange.servers.settings) as check:
        return check.process.wait()


def test_the_next_version_takes_over_and_gives_back_and_nothing_is_lost_or_doubled(
    exchange: Exchange, upcoming: NextVersion
) -> None:
    first, second = exchange.services["api-server"].url, exchange.services["second"].url
    redis = open_redis(exchange.servers.settings["REDIS_URL"], role="test-rolling")
    club, present = exchange.clients[0].club, version("touchline")
    trader = Person("carol", first)
    kept, stopped = trader.opens(club), trader.opens(club, stop_loss={"price": "97.00"})
    order = {"instrument": club, "side": "buy", "quantity": "0.100"}
    bought = trader.ask("POST", "/v1/orders", order, Idempotency_Key="carol-order")

    with exchange.fault() as seen:
        deploy(exchange, upcoming.settings)
        assert versions(exchange) == {VERSION}
        again = trader.ask("POST", "/v1/orders", order, at=second, Idempotency_Key="carol-order")
        Index(redis).move(club, -400, 0)
        exchange.wait(lambda: trader.is_closed(stopped))
        later = trader.opens(club)
        exchange.recovers()
        exchange.has_every_trade_once()
        ahead = lasting(exchange)
        assert schema_check(exchange) == 0

        deploy(exchange, {})
        assert versions(exchange) == {present}
        closed = [
            trader.ask("POST", f"/v1/positions/{id_}/close", {}, at=second, Idempotency_Key=id_)
            for id_ in (kept, later)
        ]
        exchange.recovers()

    exchange.has_every_trade_once()
    digests = LuaScript(TRADE[-1], *TRADE[:-1]).sha, upcoming.digest(*TRADE)
    known = redis.script_exists(*digests)
    redis.close()
    assert (bought.status, again.status, again.replayed) == (201, 201, True)
    assert again.body["order_id"] == bought.body["order_id"]
    assert [said.status for said in closed] == [200, 200]
    assert (known, digests[0] == digests[1]) == ([True, True], False)
    assert ahead == lasting(exchange) == [(ahead[0][0], 7)]
    assert ahead[0][0].endswith("-next-version.sql")
    assert seen.restarted() == {}
    assert seen.alarms() == []
