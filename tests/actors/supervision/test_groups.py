"""Groups of duties as the services use them: who goes down with whom, and when all do."""

from __future__ import annotations

import gevent
import pytest
from touchline.actors.child import Child
from touchline.actors.errors import Escalated
from touchline.actors.events import Crashed, GaveUp, Restarted
from touchline.actors.tree import Tree
from touchline.services.groups import DUTY, group

from tests.fakes.clock import FakeClock
from tests.fakes.probe import WAIT_S, Life, Probe, StartTree, crash, failing, read_until


def duty(life: Life, name: str) -> Child:
    """With the delays of production, unlike the probes of other tests."""
    return Child(name, lambda: Probe(life))


def test_a_duty_that_crashes_does_not_touch_the_others_of_its_group(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(group("market", duty(life, "a"), duty(life, "b")))
    life.log.clear()
    tree.tell("a", crash)
    assert isinstance(tree.next_event(WAIT_S), Crashed)

    clock.advance(1.0)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)
    assert life.log == ["start a"]


def test_the_crashes_of_different_duties_do_not_add_up(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    names = [f"hub-{n}" for n in range(8)]
    tree = start_tree(group("hub", *(duty(life, name) for name in names)))
    for name in names:
        tree.tell(name, crash)

    for _ in names:
        assert isinstance(tree.next_event(WAIT_S), Crashed)
    clock.advance(1.0)

    back = {tree.next_event(WAIT_S) for _ in names}
    assert back == {Restarted(name, restarts=1) for name in names}


def test_a_duty_that_crashes_too_often_takes_its_group_down_and_no_other(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(group("market", duty(life, "a")), group("trading", duty(life, "b")))
    life.log.clear()
    for n in range(DUTY.crashes):
        tree.tell("a", crash)
        tree.next_event(WAIT_S)
        clock.advance(1.0)
        assert tree.next_event(WAIT_S) == Restarted("a", restarts=n + 1)

    tree.tell("a", crash)

    reason = "3 crashes in 10 s, the last of a: ValueError: boom"
    read_until(tree, GaveUp("market", reason))
    assert isinstance(tree.next_event(WAIT_S), Crashed)
    clock.advance(1.0)
    read_until(tree, Restarted("market", restarts=1))
    assert life.log == ["start a"] * 3


def test_a_duty_that_always_crashes_ends_the_process_within_ten_seconds(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(group("market", duty(life, "a")))
    life.plan_starts("a", *[failing(ValueError("always"))] * 1000)
    tree.tell("a", crash)
    ended = gevent.spawn(outcome, tree)

    for _ in range(200):
        clock.advance(0.05)
        gevent.idle()

    assert isinstance(ended.get(timeout=WAIT_S), Escalated)
    assert clock.monotonic() - 1000.0 <= 10.0 + 1e-6


def outcome(tree: Tree) -> Escalated:
    with pytest.raises(Escalated) as escalated:
        tree.wait()
    return escalated.value
