"""Every test of a script runs on fakeredis and on a real server."""

from collections.abc import Iterator

import fakeredis
import pytest
import redis as redis_module

from tests.fakes.exchange import Exchange


@pytest.fixture(params=["fakeredis", "server"])
def client(request: pytest.FixtureRequest, redis: redis_module.Redis) -> redis_module.Redis:
    """An empty Redis of either kind."""
    if request.param == "server":
        return redis
    return fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)


@pytest.fixture
def exchange(client: redis_module.Redis) -> Iterator[Exchange]:
    """A market with ARS and EVE; what the test leaves behind must pass every proof."""
    exchange = Exchange(client)
    exchange.list()
    yield exchange
    exchange.prove()
