"""A stop-watcher in a tree: a published price closes a position by itself, also after a death."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import redis as redis_module
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.margin.stop_watcher import StopWatcher
from touchline.actors.meters import StopMeter
from touchline.actors.tree import Tree
from touchline.store.lease import Lease
from touchline.store.listening import doorbell
from touchline.store.outage import OUTAGES
from touchline.store.watch import Watch

from tests.fakes.exchange import Exchange
from tests.fakes.probe import wait_for
from tests.fakes.stops import Pit


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    pit = Pit(exchange)
    redis.delete(exchange.keys.lease("stop-watcher"))
    yield pit
    exchange.prove()


@pytest.fixture
def start(pit: Pit) -> Iterator[Callable[[], Tree]]:
    trees: list[Tree] = []

    def start(owner: str = "one") -> Tree:
        client, keys = pit.exchange.client, pit.exchange.keys
        key = keys.lease("stop-watcher")
        lease = Lease(client, key, monotonic=time.monotonic, owner=owner)

        def watcher() -> StopWatcher:
            watch = Watch(client, keys)
            return StopWatcher(
                lambda: doorbell(client), watch, pit.scanner, lease, time.monotonic, StopMeter()
            )

        child = Child("stop-watcher", watcher)
        tree = Tree.start([child], name="root", addresses=Addresses(), outages=OUTAGES)
        trees.append(tree)
        return tree

    yield start

    for tree in trees:
        tree.stop()


def test_a_price_that_is_published_closes_the_position_it_meets(pit: Pit, start) -> None:
    start()
    stopped = pit.long(-300)

    hit = pit.price(-350)

    wait_for(lambda: pit.exchange.position(stopped).qty == 0)
    assert pit.exchange.entries()[-1]["ttick"] == hit.tick_id


def test_a_link_that_was_cut_is_made_anew_and_what_it_missed_made_up_for(pit: Pit, start) -> None:
    tree = start()
    stopped = pit.long(-300)
    pit.exchange.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    hit, _ = pit.prices(-350, 200)

    wait_for(lambda: pit.exchange.position(stopped).qty == 0)
    assert pit.exchange.entries()[-1]["ttick"] == hit.tick_id
    (child,) = tree.snapshot().children
    assert child.restarts == 0  # an outage is no crash


def test_two_trees_with_one_lease_close_once(pit: Pit, start) -> None:
    start("one")
    start("other")
    stopped = [pit.long(-300) for _ in range(10)]

    pit.price(-350)

    wait_for(lambda: not any(pit.exchange.position(each).qty for each in stopped))
    assert [entry["k"] for entry in pit.exchange.entries()].count("close") == 10
