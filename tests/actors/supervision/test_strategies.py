"""Strategies: who goes down with a child that crashed, and in which order they come back."""

from __future__ import annotations

import pytest
from gevent.event import Event
from touchline.actors.backoff import Intensity
from touchline.actors.child import ONE_FOR_ALL, ONE_FOR_ONE, REST_FOR_ONE, Child, Restart, Strategy
from touchline.actors.events import Crashed, Restarted, Started, Stopped, Survived
from touchline.actors.supervisor import Supervisor

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    PLAIN,
    WAIT_S,
    Life,
    StartTree,
    crash,
    deaf_until,
    failing,
    read_until,
    wait_for,
)

BOOM = Crashed("b", "ValueError: boom")
BACK = Restarted("b", restarts=1)


@pytest.mark.parametrize(
    ("strategy", "last", "lived"),
    [
        (ONE_FOR_ONE, BACK, ["start b"]),
        (REST_FOR_ONE, Started("c"), ["stop c", "start b", "start c"]),
        (ONE_FOR_ALL, Started("c"), ["stop c", "stop a", "start a", "start b", "start c"]),
    ],
)
def test_a_crash_takes_down_exactly_those_it_should_in_order(
    start_tree: StartTree,
    life: Life,
    clock: FakeClock,
    strategy: Strategy,
    last: Started,
    lived: list[str],
) -> None:
    tree = start_tree(*(life.child(name) for name in "abc"), strategy=strategy)
    life.log.clear()

    tree.tell("b", crash)
    down = 1 + sum(line.startswith("stop") for line in lived)
    for _ in range(down):
        tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, last)

    assert life.log == lived


def test_companions_stop_at_once_and_not_only_when_the_delay_is_over(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("b"), life.child("c"), strategy=REST_FOR_ONE)

    tree.tell("b", crash)

    assert [tree.next_event(WAIT_S) for _ in range(2)] == [BOOM, Stopped("c")]


def test_companions_wait_until_the_crashed_child_really_runs(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("b"), life.child("c"), strategy=REST_FOR_ONE)
    life.plan_starts("b", failing(ValueError("boom")))
    tree.tell("b", crash)
    read_until(tree, Stopped("c"))
    life.log.clear()

    clock.advance(1.0)
    read_until(tree, BOOM)
    clock.advance(2.0)
    read_until(tree, Started("c"))

    assert life.log == ["start b", "start b", "start c"]


def test_companions_keep_their_mailboxes(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("b"), life.child("c"), strategy=REST_FOR_ONE)
    tree.tell("b", crash)
    read_until(tree, Stopped("c"))
    seen: list[str] = []

    tree.tell("c", lambda _: seen.append("sent while it was down"))
    clock.advance(1.0)
    tree.ask("c", "hello", WAIT_S)

    assert seen == ["sent while it was down"]


def test_a_temporary_companion_does_not_come_back(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(
        life.child("b"),
        life.child("once", restart=Restart.TEMPORARY),
        life.child("c"),
        strategy=REST_FOR_ONE,
    )
    life.log.clear()

    tree.tell("b", crash)
    read_until(tree, Stopped("once"))
    clock.advance(1.0)
    read_until(tree, Started("c"))

    assert life.log == ["stop c", "stop once", "start b", "start c"]


def test_only_the_one_that_crashed_spends_the_budget(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(
        *(life.child(name) for name in "abcd"), strategy=ONE_FOR_ALL, intensity=Intensity(1, 60.0)
    )

    tree.tell("b", crash)
    read_until(tree, Stopped("a"))
    clock.advance(1.0)
    read_until(tree, Started("d"))

    assert [child.restarts for child in tree.snapshot().children] == [0, 1, 0, 0]


def test_a_group_restarts_its_own_children_and_nobody_above_notices(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    group = Child(
        "group",
        lambda: Supervisor([life.child("b"), life.child("c")], strategy=REST_FOR_ONE),
        backoff=PLAIN,
    )
    tree = start_tree(life.child("a"), group, life.child("d"))
    life.log.clear()

    tree.tell("b", crash)
    read_until(tree, Stopped("c"))
    clock.advance(1.0)
    read_until(tree, Started("c"))

    assert life.log == ["stop c", "start b", "start c"]
    assert tree.snapshot().children[1].restarts == 0


def test_a_companion_that_survives_its_kill_is_never_run_twice(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    release = Event()
    tree = start_tree(life.child("b"), life.child("c", stop_s=0.0), strategy=REST_FOR_ONE)
    tree.tell("c", lambda _: deaf_until(release))
    tree.tell("b", crash)
    read_until(tree, Survived("c"))
    clock.advance(1.0)
    read_until(tree, BACK)
    assert life.log.count("start c") == 1

    release.set()
    read_until(tree, Started("c"))

    assert life.log.count("start c") == 2


def test_a_child_that_outlives_its_whole_group_leaves_its_messages_to_its_successor(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    release = Event()
    group = Child(
        "group",
        lambda: Supervisor(
            [life.child("b"), life.child("c", stop_s=0.0)], intensity=Intensity(0, 60.0)
        ),
        backoff=PLAIN,
    )
    tree = start_tree(group)
    tree.tell("c", lambda _: deaf_until(release))
    tree.tell("b", crash)
    read_until(tree, Survived("c"))
    while not isinstance(tree.next_event(WAIT_S), Crashed):
        pass
    clock.advance(1.0)
    read_until(tree, Restarted("group", 1))
    successor = tree.ask("c", lambda probe: probe, WAIT_S)

    release.set()
    wait_for(lambda: "stop c" in life.log)  # the old one, as soon as it looks up

    assert all(tree.ask("c", lambda probe: probe, WAIT_S) is successor for _ in range(5))


def test_a_companion_that_crashed_in_its_stop_is_forgiven_when_it_is_healthy(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("b"), life.child("c"), strategy=REST_FOR_ONE)
    life.plan_stop("c", failing(ValueError("boom")))
    tree.tell("b", crash)
    read_until(tree, Crashed("c", "ValueError: boom"))
    clock.advance(1.0)
    read_until(tree, Started("c"))
    assert tree.snapshot().children[1].troubled_since_ms is not None

    clock.advance(PLAIN.healthy_s)

    wait_for(lambda: tree.snapshot().children[1].troubled_since_ms is None)
