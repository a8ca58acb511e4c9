"""Stops under faults: with the watchers dead while the price is there, the close is the same."""

from __future__ import annotations

from touchline.store.redis_client import open_redis

from .exchange import Exchange
from .index import Index
from .person import Person

WATCHED_BY = ("api-server", "second")


def test_watchers_killed_across_a_breach_close_at_the_first_tick_that_breached(
    exchange: Exchange,
) -> None:
    trader = Person("carol", exchange.services["api-server"].url)
    client = open_redis(exchange.servers.settings["REDIS_URL"], role="test-feed")
    index, club = Index(client), exchange.clients[0].club
    stopped = trader.opens(club, stop_loss={"price": "97.00"})
    with exchange.fault() as seen:
        for name in WATCHED_BY:
            exchange.services[name].kill("stop-watcher")
        _, hit, *_ = index.move(club, -100, -400, -900, 0)
        exchange.wait(lambda: trader.is_closed(stopped))
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
    trader = Person("dora", exchange.services["api-server"].url)
    client = open_redis(exchange.servers.settings["REDIS_URL"], role="test-feed")
    index, club = Index(client), exchange.clients[0].club
    stopped = trader.opens(club, stop_loss={"price": "97.00"})
    with exchange.fault():
        for name in WATCHED_BY:
            exchange.services[name].pause()
        hit, *_ = index.move(club, -500, -1_200, 0)

    exchange.wait(lambda: trader.is_closed(stopped))
    close = trader.position(stopped)["close"]
    client.close()

    assert (close["trigger"]["tick"], close["trigger"]["index"]) == (hit.tick_id, "95.0000")
    exchange.recovers()
    exchange.has_every_trade_once()
