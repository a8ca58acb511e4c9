"""Redis fails over to a replica that lags: what Postgres has been told of is put back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from touchline.store.redis_client import open_redis

from tests.embedded_process import short_directory

from .linked import Linked, open_linked
from .replica import Replica
from .servers import VALKEY

pytestmark = pytest.mark.long

LAG_S = 5.0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    """An exchange of this file's own, for it ends on another Redis than it began on."""
    with open_linked(tmp_path_factory.mktemp("failover")) as running, running.exchange.trading():
        yield running


@pytest.fixture
def replica(alone: Linked) -> Iterator[Replica]:
    url = alone.exchange.servers.settings["REDIS_URL"]
    with short_directory() as root, Replica(root, url) as replica:
        yield replica


def test_a_failover_to_a_replica_that_lags_loses_nothing_that_postgres_was_told(
    alone: Linked, replica: Replica
) -> None:
    exchange, links = alone.exchange, alone.links
    primary = open_redis(exchange.servers.settings["REDIS_URL"])
    behind = open_redis(replica.url)
    with alone.fault() as seen:
        exchange.recovers()  # so that somebody trades
        replica.link.black_hole()
        exchange.goes_on_for(LAG_S)
        lost = primary.xinfo_stream("trade_outbox")["entries-added"]
        lost -= behind.xinfo_stream("trade_outbox")["entries-added"]
        exchange.servers.kill(VALKEY)
        exchange.durable_trades_are_there()
        replica.take_over()
        exchange.servers.redis_url = replica.url
        for proxy in links.to(VALKEY):
            proxy.target = replica.path
        exchange.recovers()

    assert lost > 0  # or it did not lag
    assert int(behind.hget("wallet:0", "v")) >= 1 << 32  # of a new epoch: something was put back
    primary.close()
    behind.close()
    seen.waited_out()
    exchange.has_every_trade_once()
