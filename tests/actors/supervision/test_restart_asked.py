"""A restart that an operator asks for: of any child, in any state, at nobody's expense."""

from __future__ import annotations

from gevent.event import Event
from touchline.actors.backoff import Intensity
from touchline.actors.child import ONE_FOR_ALL, REST_FOR_ONE, Child, Restart
from touchline.actors.events import (
    Crashed,
    Parked,
    Restarted,
    RestartOrdered,
    Started,
    Stopped,
    Survived,
)
from touchline.actors.health import State
from touchline.actors.supervisor import Supervisor

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    WAIT_S,
    Life,
    StartTree,
    crash,
    deaf_until,
    hang,
    read_until,
    wait_for,
)


def test_a_running_child_is_stopped_in_order_and_started_again(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a"), life.child("b"))
    life.log.clear()

    assert tree.restart("a", by="ada@example.com")

    assert tree.next_event(WAIT_S) == RestartOrdered("a", "ada@example.com")
    assert tree.next_event(WAIT_S) == Stopped("a")
    assert tree.next_event(WAIT_S) == Started("a")
    assert life.log == ["stop a", "start a"]


def test_what_waited_for_the_old_incarnation_is_handled_by_the_new_one(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", stop_s=0.0))
    tree.tell("a", hang)
    wait_for(lambda: "hang a" in life.log)
    tree.tell("a", lambda probe: probe.note("handled"))

    tree.restart("a", by="ada")

    read_until(tree, Started("a"))
    wait_for(lambda: life.log[-1] == "handled a")


def test_it_counts_as_asked_for_and_not_as_a_crash(start_tree: StartTree, life: Life) -> None:
    tree = start_tree(life.child("a"), intensity=Intensity(crashes=0, seconds=60.0))

    for _ in range(3):
        tree.restart("a", by="ada")
        read_until(tree, Started("a"))

    child = tree.snapshot().children[0]
    assert (child.restarts, dict(child.ends)) == (0, {"asked": 3})


def test_a_parked_child_is_tried_at_once_and_its_troubles_are_forgotten(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", parkable=True, intensity=Intensity(0, 60.0)))
    tree.tell("a", crash)
    read_until(tree, Parked("a", "ValueError: boom"))

    tree.restart("a", by="ada")

    read_until(tree, Started("a"))
    assert tree.snapshot().children[0].state is State.RUNNING
    assert tree.snapshot().children[0].troubled_since_ms is None


def test_a_child_in_backoff_does_not_start_a_second_time_when_its_delay_is_over(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    tree.tell("a", crash)
    assert isinstance(tree.next_event(WAIT_S), Crashed)
    tree.restart("a", by="ada")
    read_until(tree, Started("a"))

    clock.advance(30.0)

    assert tree.ask("a", "one", WAIT_S) == "one"
    assert life.log == ["start a", "start a"]


def test_a_child_that_is_never_restarted_by_itself_runs_again_when_asked_for(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", restart=Restart.TEMPORARY))
    tree.tell("a", crash)
    assert isinstance(tree.next_event(WAIT_S), Crashed)

    tree.restart("a", by="ada")

    read_until(tree, Started("a"))
    assert tree.ask("a", "here", WAIT_S) == "here"


def test_the_children_after_it_go_along_where_they_stand_on_it(
    start_tree: StartTree, life: Life
) -> None:
    children = [life.child(name) for name in "abc"]
    tree = start_tree(*children, strategy=REST_FOR_ONE)
    life.log.clear()

    tree.restart("b", by="ada")

    read_until(tree, Started("c"))
    assert life.log == ["stop c", "stop b", "start b", "start c"]


def test_a_group_that_stands_together_stops_in_reverse_with_the_child_in_its_place(
    start_tree: StartTree, life: Life
) -> None:
    children = [life.child(name) for name in "abc"]
    tree = start_tree(*children, strategy=ONE_FOR_ALL)
    life.log.clear()

    tree.restart("b", by="ada")

    read_until(tree, Started("c"))
    assert life.log == ["stop c", "stop b", "stop a", "start a", "start b", "start c"]


def test_one_that_survives_its_kill_holds_up_nobody_who_does_not_stand_on_it(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    release = Event()
    tree = start_tree(life.child("a", stop_s=0.0), life.child("b"))
    tree.tell("a", lambda _: deaf_until(release))
    tree.restart("a", by="ada")
    read_until(tree, Survived("a"))

    tree.tell("b", crash)
    read_until(tree, Crashed("b", "ValueError: boom"))
    clock.advance(1.0)
    read_until(tree, Restarted("b", restarts=1))

    assert life.log.count("start a") == 1
    release.set()
    read_until(tree, Started("a"))


def test_a_group_and_a_child_in_a_group_are_found_by_name(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(Child("group", lambda: Supervisor([life.child("a"), life.child("b")])))
    life.log.clear()

    assert tree.restart("b", by="ada")
    read_until(tree, Started("b"))
    assert tree.restart("group", by="ada")
    read_until(tree, Started("group"))

    assert life.log == ["stop b", "start b", "stop b", "stop a", "start a", "start b"]


def test_nobody_is_restarted_by_a_name_that_does_not_exist(
    start_tree: StartTree, life: Life
) -> None:
    assert not start_tree(life.child("a")).restart("b", by="ada")


def test_a_restart_that_takes_the_child_along_into_a_crash_is_a_crash(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    life.plan_starts("a", lambda: 1 / 0)

    tree.restart("a", by="ada")

    read_until(tree, Crashed("a", "ZeroDivisionError: division by zero"))
    clock.advance(1.0)
    read_until(tree, Restarted("a", restarts=1))
