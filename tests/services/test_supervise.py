"""The exit code of a service's process: what its tree ended by."""

from __future__ import annotations

from typing import Any

from gevent.event import Event
from touchline.actors.address import Addresses
from touchline.actors.backoff import Intensity
from touchline.actors.child import Child
from touchline.actors.tree import Tree
from touchline.services.supervise import stay, supervise

from tests.fakes.probe import Life, crash, failing


class Watcher:
    """A health that has no children of its own."""

    def children(self) -> list[Child]:
        return []

    def watch(self, tree: Tree) -> None:
        self.tree = tree


def code_of(life: Life, ready: Any, addresses: Addresses | None = None) -> int:
    child = life.child("a", intensity=Intensity(crashes=0, seconds=60.0))
    return supervise([child], addresses=addresses or Addresses(), health=Watcher(), ready=ready)


def test_a_root_that_gives_up_ends_the_process_with_70() -> None:
    addresses = Addresses()

    def ready(told: Event) -> None:
        addresses.of("a").tell(crash)
        told.wait()

    assert code_of(Life(), ready, addresses) == 70


def test_a_boot_that_fails_ends_the_process_with_70() -> None:
    life = Life()
    life.plan_starts("a", failing(ValueError("boom")))

    assert code_of(life, stay) == 70


def test_a_service_that_is_done_ends_with_the_code_it_says() -> None:
    life = Life()

    assert code_of(life, lambda _: 3) == 3
    assert life.log == ["start a", "stop a"]
