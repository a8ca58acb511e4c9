"""Redis fills because Postgres is away, and then to the last byte, under a running exchange."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis as redis_module
from touchline.store.redis_client import open_redis

from .exchange import Exchange, open_exchange
from .index import Index
from .person import Person
from .process import request
from .servers import POSTGRESQL

pytestmark = pytest.mark.long

OUTBOX_MAX = 40  #: the clients make twenty facts a second
REPLICAS = ("api-server", "second")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange in which few facts may wait."""
    root = tmp_path_factory.mktemp("pressure")
    with open_exchange(root, OUTBOX_MAX=str(OUTBOX_MAX)) as running, running.trading():
        yield running


@pytest.fixture
def redis(exchange: Exchange) -> Iterator[redis_module.Redis]:
    client = open_redis(exchange.servers.settings["REDIS_URL"], role="test-pressure")
    yield client
    client.close()


def is_paused(exchange: Exchange) -> bool:
    """Whether all api-servers say that they take no new trades."""
    gauges = [exchange.services[name].detail("pressure-gauge") for name in REPLICAS]
    return all(gauge.get("ailing") for gauge in gauges)


@contextmanager
def memory(client: redis_module.Redis, used: float) -> Iterator[None]:
    """Redis has so much memory that what it uses is the share *used* of it."""
    client.config_set("maxmemory", round(client.info("memory")["used_memory"] / used))
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


def trades(trader: Person, club: int, key: str) -> dict[str, Any]:
    """What a purchase, an opening and a sale are answered: status, and the code of a problem."""
    wanted = {
        "buy": ("orders", {"side": "buy", "quantity": "1.000"}),
        "open": ("positions", {"side": "long", "quantity": "0.100", "leverage": 2}),
        "sell": ("orders", {"side": "sell", "quantity": "0.100"}),
    }
    said = {
        what: trader.ask(
            "POST",
            f"/v1/{where}",
            {"instrument": club, **body},
            Idempotency_Key=f"{trader.id}-{key}-{what}",
        )
        for what, (where, body) in wanted.items()
    }
    return {what: (each.status, each.body.get("code")) for what, each in said.items()}


PAUSED = (503, "NEW_TRADES_PAUSED")


def test_facts_that_pile_up_pause_new_trades_until_postgres_has_them(exchange: Exchange) -> None:
    trader, club = Person("carol", exchange.services["api-server"].url), exchange.clients[0].club
    assert trades(trader, club, "before")["buy"] == (201, None)
    position = trader.opens(club)

    with exchange.fault() as seen:
        exchange.servers.kill(POSTGRESQL)
        exchange.wait(lambda: is_paused(exchange))
        during = trades(trader, club, "during")
        again = trades(trader, club, "before")
        closed = trader.ask("POST", f"/v1/positions/{position}/close", {}, Idempotency_Key="close")
        exchange.servers.mend()
        exchange.recovers()

    assert during == {"buy": PAUSED, "open": PAUSED, "sell": (201, None)}
    assert again["buy"] == (201, None)
    assert (closed.status, closed.body["durable"]) == (200, "redis")
    assert trades(trader, club, "during")["buy"] == (201, None)
    seen.waited_out()
    exchange.has_every_trade_once()


@pytest.mark.parametrize(
    ("name", "used"), [("dora", 0.9), ("erin", 1.2)], ids=["nine tenths", "full"]
)
def test_with_little_memory_left_or_none_new_trades_pause_and_nothing_else(
    exchange: Exchange, redis: redis_module.Redis, name: str, used: float
) -> None:
    second = exchange.services["second"].url
    trader, club = Person(name, second), exchange.clients[0].club
    trades(trader, club, "before")
    stopped = trader.opens(club, stop_loss={"price": "97.00"})

    with exchange.fault() as seen, memory(redis, used):
        exchange.wait(lambda: is_paused(exchange))
        during = trades(trader, club, "during")
        status = request(second + "/readyz")["status"]
        Index(redis).move(club, -400, 0)
        exchange.wait(lambda: trader.is_closed(stopped))
        exchange.wait(exchange.is_level)

    assert during == {"buy": PAUSED, "open": PAUSED, "sell": (201, None)}
    assert status == "degraded"
    assert trader.position(stopped)["close"]["reason"] == "stop_loss"
    seen.waited_out()
    exchange.recovers()
    exchange.has_every_trade_once()
