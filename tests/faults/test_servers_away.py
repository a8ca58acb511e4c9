"""Redis and Postgres die, freeze and come back under a running exchange."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from .exchange import Exchange
from .servers import POSTGRESQL, VALKEY, Servers

AWAY_S = 3.0
FROZEN_S = 8.0  #: longer than anybody waits for an answer of Redis
LONG_AWAY_S = 30.0
IMMEDIATE_STOPS = 5


@pytest.mark.parametrize("server", [VALKEY, POSTGRESQL])
def test_a_server_that_is_killed_and_started_again_is_waited_out(
    exchange: Exchange, server: str
) -> None:
    with exchange.fault() as seen:
        exchange.servers.kill(server)
        exchange.goes_on_for(AWAY_S)
        exchange.servers.mend()
        exchange.durable_trades_are_there()
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()


def test_a_redis_that_comes_back_empty_is_put_back(exchange: Exchange) -> None:
    with exchange.fault() as seen:
        exchange.recovers()  # so that somebody trades
        exchange.servers.kill(VALKEY)
        exchange.servers.empty()
        exchange.goes_on_for(AWAY_S)
        exchange.servers.mend()
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()


@pytest.mark.parametrize("fail", [Servers.kill, Servers.pause])
def test_without_postgres_trades_go_on_and_the_answer_says_that_only_redis_has_them(
    exchange: Exchange, fail: Callable[[Servers, str], None]
) -> None:
    with exchange.fault():
        fail(exchange.servers, POSTGRESQL)
        answers = [client.order()["durable"] for client in exchange.clients for _ in range(3)]

    exchange.recovers()
    assert set(answers) == {"redis"}


@pytest.mark.parametrize("server", [VALKEY, POSTGRESQL])
def test_a_server_that_freezes_for_a_while_is_waited_out(exchange: Exchange, server: str) -> None:
    with exchange.fault() as seen:
        exchange.servers.pause(server)
        exchange.goes_on_for(FROZEN_S)
        exchange.servers.mend()
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()


def test_both_servers_killed_and_away_for_half_a_minute_are_waited_out(
    exchange: Exchange,
) -> None:
    with exchange.fault() as seen:
        exchange.servers.kill(VALKEY, POSTGRESQL)
        exchange.goes_on_for(LONG_AWAY_S)
        exchange.servers.mend()
        exchange.durable_trades_are_there()
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()


def test_a_postgres_that_is_stopped_at_once_again_and_again_is_waited_out(
    exchange: Exchange,
) -> None:
    with exchange.fault() as seen:
        for _ in range(IMMEDIATE_STOPS):
            exchange.goes_on_for(AWAY_S / IMMEDIATE_STOPS)
            exchange.servers.end(POSTGRESQL, signal.SIGQUIT)  # as pg_ctl stop -m immediate does
            exchange.servers.mend()
            exchange.durable_trades_are_there()
        exchange.recovers()

    # Each stop has lines of its own in the log, so this is no single outage.
    assert (seen.ended(), seen.restarted(), seen.alarms()) == ([], {}, [])
    exchange.has_every_trade_once()
