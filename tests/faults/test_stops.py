"""Stops under faults: with the watchers dead while the price is there, the close is the same."""

from __future__ import annotations

import time
from typing import Any

import redis as redis_module
from touchline.domain.ids import InstrumentIdx
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Indexed
from touchline.store.keys import Keys
from touchline.store.redis_client import open_redis
from touchline.store.scripts import Scripts

from .exchange import Exchange
from .process import request

WATCHED_BY = ("api-server", "second")
KEYS = Keys()


class Trader:
    """A signed-in user with positions in the club that nothing but a test moves."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        self._api = exchange.services["api-server"].url
        self._club = exchange.clients[0].club
        self._opened = 0
        self._name = name
        login = {"email": f"{name}@example.com"}
        answer = request(f"{self._api}/v1/auth/dev-login", login)
        self._bearer = f"Bearer {answer['access_token']}"

    def long(self, stop: str) -> str:
        """The id of a long of one share."""
        self._opened += 1
        body = {
            "instrument": self._club,
            "side": "long",
            "quantity": "1.000",
            "leverage": 2,
            "stop_loss": {"price": stop},
        }
        answer = request(
            f"{self._api}/v1/positions",
            body,
            Authorization=self._bearer,
            Idempotency_Key=f"{self._name}-{self._opened}",
        )
        return str(answer["position"]["position_id"])

    def position(self, position_id: str) -> Any:
        return request(f"{self._api}/v1/positions/{position_id}", Authorization=self._bearer)


class Feed:
    """Moves the index of the idle club, in the name of whoever reads the real feed."""

    def __init__(self, exchange: Exchange, client: redis_module.Redis) -> None:
        self._redis, self._scripts = client, Scripts(client, KEYS)
        self._club = InstrumentIdx(exchange.clients[0].club)

    def move(self, *bps: int) -> list[Indexed]:
        """One tick each; the prices are there before anything else happens."""
        lease = KEYS.lease("scheduler")
        owner = str(self._redis.get(lease))
        changes = [
            IndexChange(idx=self._club, now_ms=time.time_ns() // 1_000_000, offset_bps=each)
            for each in bps
        ]
        moved = self._scripts.index_apply_all(changes, lease, owner)
        assert all(isinstance(each, Indexed) for each in moved)
        return moved  # type: ignore[return-value]


def test_watchers_killed_across_a_breach_close_at_the_first_tick_that_breached(
    exchange: Exchange,
) -> None:
    trader = Trader(exchange, "carol")
    client = open_redis(exchange.servers.settings["REDIS_URL"], role="test-feed")
    feed = Feed(exchange, client)
    stopped = trader.long("97.00")
    with exchange.fault() as seen:
        for name in WATCHED_BY:
            exchange.services[name].kill("stop-watcher")
        _, hit, *_ = feed.move(-100, -400, -900, 0)
        exchange.wait(lambda: trader.position(stopped)["status"] == "closed")
        exchange.wait(lambda: len(seen.restarted()) == len(WATCHED_BY))
        exchange.recovers()
    close = trader.position(stopped)["close"]
    client.close()

    assert close["reason"] == "stop_loss"
    assert (close["trigger"]["tick"], close["trigger"]["index"]) == (hit.tick_id, "96.0000")
    assert close["trigger"]["approximate"] is False
    assert {path[-1] for _, path in seen.restarted()} == {"stop-watcher"}
    exchange.has_every_trade_once()


def test_a_breach_while_no_api_server_runs_is_closed_by_the_tick_it_happened_at(
    exchange: Exchange,
) -> None:
    trader = Trader(exchange, "dora")
    client = open_redis(exchange.servers.settings["REDIS_URL"], role="test-feed")
    feed = Feed(exchange, client)
    stopped = trader.long("97.00")
    with exchange.fault():
        for name in WATCHED_BY:
            exchange.services[name].pause()
        hit, *_ = feed.move(-500, -1_200, 0)

    exchange.wait(lambda: trader.position(stopped)["status"] == "closed")
    close = trader.position(stopped)["close"]
    client.close()

    assert (close["trigger"]["tick"], close["trigger"]["index"]) == (hit.tick_id, "95.0000")
    exchange.recovers()
    exchange.has_every_trade_once()
