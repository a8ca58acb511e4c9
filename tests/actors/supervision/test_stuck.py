"""Stuck children: seen, killed, counted."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event
from touchline.actors.child import Child
from touchline.actors.errors import Undelivered
from touchline.actors.events import Crashed, Killed, Restarted
from touchline.actors.health import State
from touchline.actors.messages import WatchDue
from touchline.actors.supervisor import Supervisor
from touchline.actors.tree import Tree

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    WAIT_S,
    Life,
    Probe,
    StartTree,
    crash,
    forever,
    hang,
    read_until,
    wait_for,
)


def test_a_child_busy_for_too_long_is_killed_counted_and_restarted(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", stuck_s=30.0))
    tree.tell("a", hang)
    wait_for(lambda: "hang a" in life.log)

    clock.advance(31.0)

    assert tree.next_event(WAIT_S) == Killed("a", "busy with one message for 31.0 s")
    assert tree.next_event(WAIT_S) == Crashed("a", "Stuck: busy with one message for 31.0 s")
    clock.advance(1.0)
    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)
    assert tree.snapshot().children[0].stuck == 1


def test_the_asker_of_a_stuck_child_is_told(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", stuck_s=30.0))
    asker = gevent.spawn(refusal, tree)
    wait_for(lambda: "hang a" in life.log)

    clock.advance(31.0)

    assert asker.get(timeout=WAIT_S) == "a: Stuck: busy with one message for 31.0 s"


def refusal(tree: Tree) -> str:
    with pytest.raises(Undelivered) as refused:
        tree.ask("a", hang, timeout_s=60)
    return str(refused.value)


def test_health_shows_how_long_a_child_has_been_busy(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", stop_s=0.0))
    tree.tell("a", hang)
    wait_for(lambda: "hang a" in life.log)

    clock.advance(20.0)

    assert tree.snapshot().children[0].busy_s == 20.0


def test_an_idle_child_is_never_stuck(start_tree: StartTree, life: Life, clock: FakeClock) -> None:
    tree = start_tree(life.child("a", stuck_s=30.0))
    tree.ask("a", "hello", WAIT_S)
    wait_for(lambda: tree.snapshot().children[0].busy_s == 0.0)

    clock.advance(1_000.0)

    assert tree.ask("a", "still here", WAIT_S) == "still here"
    assert tree.snapshot().children[0].stuck == 0


def test_a_child_that_swallows_the_first_kill_gets_another_and_is_counted_once(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    swallowed = Event()

    def stubborn(probe: Probe) -> None:
        try:
            hang(probe)
        except BaseException:
            swallowed.set()
            forever()

    tree = start_tree(life.child("a", stuck_s=30.0))
    tree.tell("a", stubborn)
    wait_for(lambda: "hang a" in life.log)
    clock.advance(31.0)
    assert swallowed.wait(WAIT_S)
    assert tree.snapshot().children[0].state is State.STUCK

    clock.advance(1.0)

    assert any(isinstance(event, Crashed) for event in [tree.next_event(WAIT_S) for _ in range(2)])
    assert tree.snapshot().children[0].stuck == 1


def test_a_supervisor_busy_with_a_slow_stop_is_not_stuck(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    release = Event()
    group = Child(
        "group",
        lambda: Supervisor([life.child("b")]),
        stuck_s=1.0,
    )
    tree = start_tree(group)
    life.plan_stop("b", release.wait)
    stopping = gevent.spawn(tree.stop)
    wait_for(lambda: "stop b" in life.log)

    clock.advance(100.0)
    release.set()

    assert stopping.get(timeout=WAIT_S).clean


def test_a_restart_that_hangs_is_killed_at_its_deadline_and_tried_again(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", start_s=3.0))
    life.plan_starts("a", forever)
    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    wait_for(lambda: life.log == ["start a", "start a"])

    clock.advance(3.0)
    read_until(tree, Crashed("a", "HungStart: no start within 3 s"))
    clock.advance(2.0)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=2)


def test_a_child_is_not_stuck_because_the_whole_process_stood_still(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    release = Event()
    tree = start_tree(life.child("a", stuck_s=30.0))
    tree.tell("a", lambda probe: (probe.note("work"), release.wait()))
    wait_for(lambda: "work a" in life.log)

    clock.stall(60.0)
    clock.advance(1.0)
    tree.ask("root", WatchDue(), WAIT_S)
    release.set()

    assert tree.ask("a", "still here", WAIT_S) == "still here"
    assert (life.log, tree.snapshot().children[0].stuck) == (["start a", "work a"], 0)


def test_a_child_that_hangs_is_stuck_though_the_process_stood_still(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", stuck_s=30.0))
    tree.tell("a", hang)
    wait_for(lambda: "hang a" in life.log)

    clock.stall(60.0)
    clock.advance(31.0)

    assert isinstance(tree.next_event(WAIT_S), Killed)
    assert tree.next_event(WAIT_S) == Crashed("a", "Stuck: busy with one message for 31.0 s")


def test_a_start_is_not_overdue_because_the_whole_process_stood_still(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    release = Event()
    tree = start_tree(life.child("a", start_s=3.0))
    life.plan_starts("a", release.wait)
    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    wait_for(lambda: life.log == ["start a", "start a"])

    clock.stall(60.0)
    clock.advance(1.0)
    tree.ask("root", WatchDue(), WAIT_S)
    release.set()

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)
