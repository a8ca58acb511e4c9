"""The stop: start order reversed, bounded in time, and honest about who had to be killed."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event
from touchline.actors.child import Child
from touchline.actors.errors import Undelivered
from touchline.actors.events import Crashed
from touchline.actors.supervisor import Supervisor

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    WAIT_S,
    Life,
    StartTree,
    crash,
    deaf_until,
    failing,
    forever,
    hang,
    wait_for,
)


def test_children_stop_in_reverse_of_their_start(start_tree: StartTree, life: Life) -> None:
    group = Child("group", lambda: Supervisor([life.child("b"), life.child("c")]))
    tree = start_tree(life.child("a"), group, life.child("d"))
    life.log.clear()

    report = tree.stop()

    assert life.log == ["stop d", "stop c", "stop b", "stop a"]
    assert report.clean
    tree.wait()


def test_a_stop_passes_a_backlog_of_9000(start_tree: StartTree, life: Life) -> None:
    tree = start_tree(life.child("a"))
    handled: list[int] = []

    def handle(number: int) -> object:
        return lambda _: (handled.append(number), gevent.idle())

    for number in range(9_000):
        tree.tell("a", handle(number))
    wait_for(lambda: handled)

    assert tree.stop().clean
    assert len(handled) < 9_000


def test_a_child_that_hangs_while_stopping_is_killed_and_named(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a"), life.child("b", stop_s=0.05), life.child("c"))
    life.plan_stop("b", forever)

    report = tree.stop()

    assert report.killed == ("b",)
    assert [line for line in life.log if line.startswith("stop")] == ["stop c", "stop b", "stop a"]


def test_a_child_that_hangs_in_a_message_is_killed_and_named(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", stop_s=0.05), life.child("b"))
    tree.tell("a", hang)
    wait_for(lambda: "hang a" in life.log)

    assert tree.stop().killed == ("a",)


def test_a_child_that_does_not_even_end_when_killed_is_named(
    start_tree: StartTree, life: Life
) -> None:
    release = Event()
    tree = start_tree(life.child("a"), life.child("b", stop_s=0.0))
    tree.tell("b", lambda _: deaf_until(release))
    wait_for(lambda: not tree.snapshot().children[1].depth)

    report = tree.stop()
    release.set()

    assert (report.survived, report.clean) == (("b",), False)
    assert life.log[-1] == "stop a"


def test_the_whole_stop_is_bounded_whatever_the_children_are_allowed(
    start_tree: StartTree, life: Life
) -> None:
    inner = Child("inner", lambda: Supervisor([life.child("b", stop_s=1e6)]))
    tree = start_tree(life.child("a", stop_s=1e6), inner)
    for name in ("a", "b"):
        life.plan_stop(name, forever)

    report = tree.stop(timeout_s=0.05)

    assert set(report.killed) == {"a", "b", "inner", "root"}
    assert not report.survived


def test_a_child_that_fails_while_stopping_does_not_keep_the_others_from_it(
    start_tree: StartTree, life: Life
) -> None:
    events: list[object] = []
    tree = start_tree(life.child("a"), life.child("b"), on_event=events.append)
    life.plan_stop("b", failing(ValueError("boom")))

    assert tree.stop().clean

    assert Crashed("b", "ValueError: boom") in events
    assert life.log[-1] == "stop a"


def test_a_crash_racing_the_stop_is_reported_and_not_restarted(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    events: list[object] = []
    tree = start_tree(life.child("a"), life.child("b"), on_event=events.append)

    tree.tell("a", crash)
    tree.stop()
    clock.advance(100.0)

    assert life.log.count("start a") == 1
    assert Crashed("a", "ValueError: boom") in events


def test_a_child_in_backoff_does_not_come_back_after_the_stop(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    tree.tell("a", crash)
    tree.next_event(WAIT_S)

    tree.stop()
    clock.advance(100.0)

    assert life.log == ["start a"]
    assert clock.next_timer_s() is None


def test_a_stop_during_a_restart_that_hangs_does_not_wait_for_it(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), life.child("b", stop_s=0.05))
    life.plan_starts("b", forever)
    tree.tell("b", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    wait_for(lambda: life.log.count("start b") == 2)

    report = tree.stop()

    assert report.killed == ("b",)


def test_one_hanging_restart_does_not_delay_the_restart_of_another(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), life.child("b", stop_s=0.0))
    life.plan_starts("b", forever)
    tree.tell("b", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    wait_for(lambda: life.log.count("start b") == 2)

    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)

    assert tree.ask("a", "alive", WAIT_S) == "alive"


def test_those_who_wait_for_an_answer_are_told_that_the_child_stopped(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", stop_s=0.05))
    tree.tell("a", hang)
    asker = gevent.spawn(asks, tree)
    wait_for(lambda: tree.snapshot().children[0].depth == 1)

    tree.stop()

    assert asker.get(timeout=WAIT_S) == "a: stopped"


def asks(tree: object) -> str:
    with pytest.raises(Undelivered) as refused:
        tree.ask("a", "hello", timeout_s=60)  # type: ignore[attr-defined]
    return str(refused.value)


def test_stopping_twice_is_harmless(start_tree: StartTree, life: Life) -> None:
    tree = start_tree(life.child("a"))

    assert tree.stop().clean
    assert tree.stop().clean
