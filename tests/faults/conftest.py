"""One exchange for all faults: each test leaves it as healthy as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from touchline.store.redis_client import open_redis

pytest.register_assert_rewrite("tests.faults.exchange", "tests.faults.seen", "tests.abuse.hub")

from .exchange import Exchange, open_exchange  # noqa: E402 - their assertions are to be shown
from .linked import Linked, open_linked  # noqa: E402 - it imports them
from .market import Market  # noqa: E402 - likewise
from .presences import Presence  # noqa: E402 - likewise


@pytest.fixture(scope="session")
def resting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A running exchange; its clients rest while another is looked at."""
    with open_exchange(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture
def exchange(resting: Exchange) -> Iterator[Exchange]:
    """It, while two clients trade and listen."""
    with resting.trading():
        yield resting


@pytest.fixture(scope="session")
def resting_links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    """Another one, whose links to the servers can fail."""
    with open_linked(tmp_path_factory.mktemp("links")) as running:
        yield running


@pytest.fixture
def linked(resting_links: Linked) -> Iterator[Linked]:
    """It, while two clients trade and listen."""
    with resting_links.exchange.trading():
        yield resting_links


@pytest.fixture
def presence(market: Market) -> Iterator[Presence]:
    """Who is where on the *market* of the test's module."""
    client = open_redis(market.exchange.servers.settings["REDIS_URL"], role="test-presence")
    yield Presence(market, client)
    client.close()
