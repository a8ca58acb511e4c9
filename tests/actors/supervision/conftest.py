"""Trees for the supervision's tests; what a test leaves behind fails it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pykka
import pytest
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.tree import Tree

from tests.fakes.clock import FakeClock
from tests.fakes.greenlets import started_greenlets
from tests.fakes.probe import WAIT_S, Away, Life, StartTree


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """After the test none of its greenlets lives, and no actor more is registered."""
    registered = pykka.ActorRegistry.get_all()

    with started_greenlets() as started:
        yield

    gevent.joinall(started, timeout=WAIT_S)  # those that are only about to end
    assert not {greenlet for greenlet in started if not greenlet.dead}
    assert pykka.ActorRegistry.get_all() == registered


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture
def addresses(clock: FakeClock) -> Addresses:
    return Addresses(clock.monotonic)


@pytest.fixture
def start_tree(no_leaks: None, clock: FakeClock, addresses: Addresses) -> Iterator[StartTree]:
    """Start a tree named "root" on the fake clock; it is stopped after the test."""
    trees: list[Tree] = []

    def start(*children: Child, **options: Any) -> Tree:
        defaults = {"name": "root", "addresses": addresses, "outages": (Away,), "clock": clock}
        trees.append(Tree.start(children, **(defaults | options)))
        return trees[-1]

    yield start

    for tree in trees:
        tree.stop(WAIT_S)
