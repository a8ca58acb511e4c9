"""An old Redis comes back, with facts of its own, after the exchange has gone on without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .exchange import Exchange, open_exchange
from .servers import POSTGRESQL, VALKEY

pytestmark = pytest.mark.long

EMPTIED = "redis is in a life that postgres has gone on from, and is emptied"
ONLY_THERE = 10  #: trades that only the old one knows
GOES_ON_S = 3.0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange of this file's own, for it loses what Redis alone has."""
    with open_exchange(tmp_path_factory.mktemp("left")) as running, running.trading():
        yield running


def only_in_redis(exchange: Exchange) -> set[str]:
    """Keys of trades that were answered as durable in Redis."""
    given = {key: answer for client in exchange.clients for key, answer in client.filled.items()}
    return {key for key, answer in given.items() if answer["durable"] == "redis"}


def test_a_redis_that_was_left_behind_brings_nothing_back(alone: Exchange) -> None:
    servers = alone.servers
    with alone.fault() as seen:
        servers.pause(POSTGRESQL)
        alone.wait(lambda: len(only_in_redis(alone)) >= ONLY_THERE)
        servers.kill(VALKEY)
        alone.goes_on_for(GOES_ON_S)  # answers that were on their way arrive
        lost = only_in_redis(alone)
        old = servers.put_aside()
        servers.mend()
        alone.recovers()
        alone.goes_on_for(GOES_ON_S)
        servers.kill(VALKEY)
        servers.bring_back(old)
        servers.mend()
        alone.recovers()

    [(_, alarm)] = seen.alarms()
    assert alarm["event"] == EMPTIED
    assert sum(alarm["facts"].values()) > 0  # or it was not tried
    assert (seen.ended(), seen.restarted(), seen.hung_up()) == ([], {}, 0)
    alone.durable_trades_are_there()
    print(f"lost with the Redis that had them: up to {len(lost)}")
    for client in alone.clients:
        for key in lost:
            client.filled.pop(key, None)
    alone.has_every_trade_once()
