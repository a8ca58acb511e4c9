"""Outages: waited out, seen, logged once, and never counted."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from touchline.actors.actor import Actor
from touchline.actors.backoff import Intensity
from touchline.actors.child import REST_FOR_ONE, Child
from touchline.actors.events import BackedOff, Crashed, Recovered, Restarted, Started, Stopped
from touchline.actors.health import State
from touchline.actors.tree import Tree

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    PLAIN,
    WAIT_S,
    Away,
    Life,
    StartTree,
    crash,
    failing,
    outage,
    read_until,
)

BACK = Restarted("a", restarts=0, after_outage=True)


class Reader(Actor[object]):
    """Meets the outage in a linked reader or in a timer."""

    def __init__(self, *, in_timer: bool) -> None:
        super().__init__()
        self._in_timer = in_timer

    def started(self) -> None:
        if self._in_timer:
            self.every(0.1, "tick")
        else:
            self.link(self.receive_nothing)

    def receive_nothing(self) -> None:
        raise Away("redis")

    def receive(self, message: object) -> object:
        raise Away("redis")


def fall(tree: Tree, clock: FakeClock, times: int) -> None:
    """Let "a" meet *times* outages in a row, each right after it came back."""
    for attempt in range(1, times + 1):
        tree.tell("a", outage)
        assert tree.next_event(WAIT_S) == BackedOff("a", "Away: redis", attempt)
        clock.advance(8.0)
        assert tree.next_event(WAIT_S) == BACK


def test_outages_never_escalate_however_many(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), intensity=Intensity(0, 1_000.0))

    fall(tree, clock, 20)

    assert tree.ask("a", "alive", WAIT_S) == "alive"
    assert tree.snapshot().children[0].restarts == 0


def test_an_outage_in_started_is_waited_out_as_well(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), intensity=Intensity(0, 1_000.0))
    life.plan_starts("a", *[failing(Away("redis"))] * 3)
    tree.tell("a", outage)

    for attempt in range(1, 5):
        assert tree.next_event(WAIT_S) == BackedOff("a", "Away: redis", attempt)
        clock.advance(8.0)

    assert tree.next_event(WAIT_S) == BACK


@pytest.mark.parametrize("in_timer", [True, False])
def test_an_outage_in_a_timer_or_a_linked_reader_is_one_too(
    start_tree: StartTree, clock: FakeClock, in_timer: bool
) -> None:
    tree = start_tree(
        Child("a", lambda: Reader(in_timer=in_timer), backoff=PLAIN), intensity=Intensity(0, 100.0)
    )
    clock.advance(0.1)

    assert tree.next_event(WAIT_S) == BackedOff("a", "Away: redis", 1)


def test_health_shows_the_outage_and_its_reason(start_tree: StartTree, life: Life) -> None:
    tree = start_tree(life.child("a"))

    tree.tell("a", outage)
    tree.next_event(WAIT_S)

    child = tree.snapshot().children[0]
    assert (child.state, child.outages, child.restarts) == (State.BACKOFF, 1, 0)
    assert child.last_error is not None
    assert (child.last_error.type, child.last_error.message) == ("Away", "redis")
    assert "raise Away" in child.last_error.traceback


def test_an_outage_writes_one_line_when_it_begins_and_one_when_it_is_over(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))

    with capture_logs() as lines:
        fall(tree, clock, 10)
        clock.advance(61.0)
        assert tree.next_event(WAIT_S) == Recovered("a")

    assert [line["event"] for line in lines] == ["child waits out an outage", "child recovered"]
    assert tree.snapshot().children[0].outages == 1


def test_the_next_outage_after_a_recovery_is_another_one(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    fall(tree, clock, 2)
    clock.advance(61.0)
    read_until(tree, Recovered("a"))

    fall(tree, clock, 1)

    assert tree.snapshot().children[0].outages == 2


def test_a_bug_after_an_outage_counts_as_a_bug(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    fall(tree, clock, 1)

    tree.tell("a", crash)

    assert tree.next_event(WAIT_S) == Crashed("a", "ValueError: boom")
    clock.advance(8.0)
    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)


def test_children_that_depend_on_one_in_an_outage_go_down_with_it_and_come_back(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), life.child("b"), strategy=REST_FOR_ONE)

    tree.tell("a", outage)
    read_until(tree, Stopped("b"))
    clock.advance(1.0)

    assert read_until(tree, Started("b")) == [BACK, Started("b")]


def test_what_the_tree_was_not_told_is_an_outage_is_a_bug(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a"), outages=())

    tree.tell("a", outage)

    assert tree.next_event(WAIT_S) == Crashed("a", "Away: redis")
