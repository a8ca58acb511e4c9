"""Which keys seal and open the seeds of draws in an api-server."""

from __future__ import annotations

from typing import Any

import pytest
from touchline.config import Servers
from touchline.domain.leaderboard import week_of
from touchline.http.keys import new_keypair
from touchline.services.spinner import spins
from touchline.services.stores import Stores, open_stores
from touchline.store.spins import Hindrance

from tests.fakes.facts import AT_MS


@pytest.fixture
def stores(servers: Any, redis: Any, pg: Any) -> Any:
    stores = open_stores(Servers(servers.redis_url, servers.database_url, ""), "t", connections=2)
    yield stores
    stores.close()


def hindrance(stores: Stores, *keys: str | None) -> Hindrance | None:
    """What an api-server with these keys meets at this week's draw, within the week."""
    private_key, previous_key = (*keys, None)[:2]
    assert private_key is not None
    return spins(stores, private_key, previous_key).run(week_of(AT_MS), AT_MS)


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256", "ES256"])
def test_seeds_go_over_to_the_new_key_by_the_one_of_before(stores: Stores, algorithm: str) -> None:
    old, new = new_keypair()[0], new_keypair(algorithm)[0]
    spins(stores, old, None).promise(AT_MS)

    assert hindrance(stores, new) is Hindrance.SEALED
    assert hindrance(stores, new, old) is Hindrance.EARLY
    assert hindrance(stores, new) is Hindrance.EARLY
