"""Too many crashes: the supervisor gives up, or parks what the service can do without."""

from __future__ import annotations

import pytest
from touchline.actors.backoff import Backoff, Intensity
from touchline.actors.child import Child
from touchline.actors.errors import Escalated, Undelivered
from touchline.actors.events import Crashed, GaveUp, Parked, Recovered, Restarted
from touchline.actors.health import Readiness, State, Status, readiness
from touchline.actors.supervisor import Supervisor
from touchline.actors.tree import Tree

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    PLAIN,
    WAIT_S,
    Life,
    Probe,
    StartTree,
    crash,
    failing,
    read_until,
)

GAVE_UP = Crashed("inner", "Escalated: 1 crashes in 60 s, the last of b: ValueError: boom")


def crash_and_return(tree: Tree, clock: FakeClock, name: str, restarts: int) -> None:
    """Let *name* crash and come back."""
    tree.tell(name, crash)
    read_until(tree, Crashed(name, "ValueError: boom"))
    clock.advance(8.0)
    read_until(tree, Restarted(name, restarts))


def test_one_crash_too_many_stops_the_others_in_reverse_and_ends_the_tree(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(
        *(life.child(name) for name in "abc"), intensity=Intensity(crashes=1, seconds=60.0)
    )
    crash_and_return(tree, clock, "b", 1)

    tree.tell("b", crash)

    with pytest.raises(Escalated, match="2 crashes in 60 s, the last of b: ValueError: boom"):
        tree.wait()
    assert [line for line in life.log if line.startswith("stop")] == ["stop c", "stop a"]
    assert tree.snapshot().state is State.FAILED


def test_asks_fail_at_once_when_the_tree_has_given_up(start_tree: StartTree, life: Life) -> None:
    tree = start_tree(life.child("a"), life.child("b"), intensity=Intensity(0, 60.0))

    tree.tell("b", crash)

    with pytest.raises(Escalated):
        tree.wait()
    with pytest.raises(Undelivered):
        tree.ask("a", "hello", timeout_s=60)


def test_crashes_far_apart_never_escalate(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), intensity=Intensity(crashes=1, seconds=60.0))

    for restarts in range(1, 6):
        crash_and_return(tree, clock, "a", restarts)
        clock.advance(61.0)

    assert tree.ask("a", "alive", WAIT_S) == "alive"


def test_siblings_share_their_supervisors_budget(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), life.child("b"), intensity=Intensity(1, 60.0))
    crash_and_return(tree, clock, "a", 1)

    tree.tell("b", crash)

    with pytest.raises(Escalated):
        tree.wait()


def test_a_child_with_its_own_intensity_spends_its_own_budget(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", intensity=Intensity(3, 600.0)), intensity=Intensity(0, 600.0))

    for restarts in (1, 2, 3):
        crash_and_return(tree, clock, "a", restarts)
    tree.tell("a", crash)

    with pytest.raises(Escalated):
        tree.wait()


def test_a_group_that_gives_up_is_restarted_as_a_whole_and_nothing_else(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    inner = Child(
        "inner",
        lambda: Supervisor([life.child("a"), life.child("b")], intensity=Intensity(0, 60.0)),
        backoff=PLAIN,
    )
    tree = start_tree(inner, life.child("other"))
    life.log.clear()

    tree.tell("b", crash)
    events = read_until(tree, GAVE_UP)
    clock.advance(1.0)
    read_until(tree, Restarted("inner", 1))

    assert any(isinstance(event, GaveUp) and event.name == "inner" for event in events)
    assert life.log == ["stop a", "start a", "start b"]
    assert tree.ask("b", "alive", WAIT_S) == "alive"


def test_a_group_that_keeps_giving_up_takes_the_tree_with_it(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    inner = Child(
        "inner",
        lambda: Supervisor([life.child("b")], intensity=Intensity(0, 60.0)),
        backoff=PLAIN,
    )
    tree = start_tree(inner, intensity=Intensity(1, 60.0))
    tree.tell("b", crash)
    read_until(tree, GAVE_UP)
    clock.advance(1.0)
    read_until(tree, Restarted("inner", 1))

    tree.tell("b", crash)

    with pytest.raises(Escalated, match="the last of inner: Escalated"):
        tree.wait()


def test_a_parkable_child_is_parked_and_the_others_go_on(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(
        life.child("bots", parkable=True), life.child("a"), intensity=Intensity(1, 60.0)
    )
    crash_and_return(tree, clock, "bots", 1)

    tree.tell("bots", crash)
    read_until(tree, Parked("bots", "ValueError: boom"))

    health = tree.snapshot()
    assert health.children[0].state is State.PARKED
    assert readiness(health, {}) == Readiness(Status.DEGRADED, {"bots": "parked: ValueError"})
    assert tree.ask("a", "alive", WAIT_S) == "alive"


def test_a_parked_child_is_tried_at_the_longest_delay_and_parked_once(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    life_child = life.child("bots", parkable=True, intensity=Intensity(0, 5.0))
    tree = start_tree(life_child)
    life.plan_starts("bots", *[failing(ValueError("boom"))] * 2)
    tree.tell("bots", crash)
    assert tree.next_event(WAIT_S) == Crashed("bots", "ValueError: boom")
    assert tree.next_event(WAIT_S) == Parked("bots", "ValueError: boom")

    for _ in range(2):
        clock.advance(8.0)
        assert tree.next_event(WAIT_S) == Crashed("bots", "ValueError: boom")
        assert tree.snapshot().children[0].state is State.PARKED
    clock.advance(8.0)

    assert tree.next_event(WAIT_S) == Restarted("bots", restarts=3)


def test_a_parked_child_that_stays_up_has_recovered(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("bots", parkable=True, intensity=Intensity(0, 5.0)))
    tree.tell("bots", crash)
    read_until(tree, Parked("bots", "ValueError: boom"))
    clock.advance(8.0)
    read_until(tree, Restarted("bots", restarts=1))

    clock.advance(61.0)

    assert tree.next_event(WAIT_S) == Recovered("bots")


def test_a_child_that_always_crashes_does_not_stay_below_the_intensity_for_ever(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(Child("a", lambda: Probe(life), backoff=Backoff(jitter=0.0)))
    life.plan_starts("a", *[failing(ValueError("boom"))] * 100)
    tree.tell("a", crash)

    for delay_s in (0.1, 0.2, 0.4, 0.8, 1.6):
        assert isinstance(tree.next_event(WAIT_S), Crashed)
        clock.advance(delay_s)
    tree.next_event(WAIT_S)

    assert isinstance(tree.next_event(WAIT_S), GaveUp)
