"""Every case of a script runs on fakeredis and on a real server, every property on the latter.

What many examples find is in the script and in its twin, and those are the same on both.
"""

from collections.abc import Iterator

import fakeredis
import pytest
import redis as redis_module

from tests.fakes.exchange import Exchange


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client" in metafunc.fixturenames:
        is_property = getattr(metafunc.function, "is_hypothesis_test", False)
        kinds = ["server"] if is_property else ["fakeredis", "server"]
        metafunc.parametrize("client", kinds, indirect=True)


@pytest.fixture
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
