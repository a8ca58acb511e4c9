"""Linked readers: they crash their owner, and die with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event
from touchline.actors.actor import Actor
from touchline.actors.child import Child
from touchline.actors.events import Crashed, Restarted

from tests.fakes.clock import FakeClock
from tests.fakes.probe import PLAIN, WAIT_S, StartTree, forever, read_until


class Listener(Actor[str]):
    """Keeps what its reader tells it."""

    def __init__(self, read: Callable[[Listener], None]) -> None:
        super().__init__()
        self._read = read
        self.heard: list[str] = []

    def started(self) -> None:
        self.link(lambda: self._read(self))

    def receive(self, message: str) -> object:
        if message == "crash":
            raise ValueError("boom")
        self.heard.append(message)
        return tuple(self.heard)


def listening(read: Callable[[Any], None]) -> Child:
    return Child("a", lambda: Listener(read), backoff=PLAIN)


def test_a_reader_tells_its_owner_what_it_reads(start_tree: StartTree) -> None:
    told = Event()

    def read(owner: Listener) -> None:
        owner.me.tell("news")
        told.set()
        forever()

    tree = start_tree(listening(read))
    assert told.wait(WAIT_S)

    assert tree.ask("a", "more", WAIT_S) == ("news", "more")


def test_a_readers_exception_is_its_owners_crash(start_tree: StartTree, clock: FakeClock) -> None:
    def read(_: Listener) -> None:
        raise OSError("connection lost")

    tree = start_tree(listening(read))

    crashed = tree.next_event(WAIT_S)
    assert crashed == Crashed("a", "OSError: connection lost")
    assert isinstance(crashed, Crashed)
    assert "in read" in crashed.traceback


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda _: None, "LinkEnded: a linked reader returned"),
        (lambda _: exec("raise __import__('gevent').GreenletExit"), "LinkEnded: GreenletExit()"),
    ],
)
def test_a_reader_must_not_end_in_any_way(
    start_tree: StartTree, read: Callable[[Any], None], reason: str
) -> None:
    tree = start_tree(listening(read))

    assert tree.next_event(WAIT_S) == Crashed("a", reason)


def test_a_reader_dies_before_its_owners_successor_starts(
    start_tree: StartTree, clock: FakeClock
) -> None:
    living: list[object] = []
    most_at_once: list[int] = []

    def read(owner: Listener) -> None:
        living.append(owner)
        most_at_once.append(len(living))
        try:
            forever()
        finally:
            gevent.idle()  # takes its time to clean up
            living.remove(owner)

    tree = start_tree(listening(read))
    tree.ask("a", "hello", WAIT_S)
    tree.tell("a", "crash")
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("a", restarts=1))
    tree.ask("a", "hello", WAIT_S)

    assert most_at_once == [1, 1]


def test_a_reader_of_an_earlier_incarnation_does_not_crash_its_successor(
    start_tree: StartTree, clock: FakeClock
) -> None:
    release = Event()

    def read(owner: Listener) -> None:
        if release.ready():
            forever()
        while not release.ready():
            try:
                release.wait()
            except gevent.GreenletExit:
                continue  # deaf to the kill, it outlives its owner
        raise OSError("much later")

    tree = start_tree(listening(read))
    tree.ask("a", "hello", WAIT_S)
    tree.tell("a", "crash")
    tree.next_event(WAIT_S)
    release.set()
    gevent.idle()
    clock.advance(1.0)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)
    assert tree.ask("a", "still here", WAIT_S) == ("still here",)
