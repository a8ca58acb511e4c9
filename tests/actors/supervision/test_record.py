"""What ended children is counted for as long as the process lives, whatever is started anew."""

from __future__ import annotations

from touchline.actors.backoff import Backoff, Intensity
from touchline.actors.events import BackedOff, GaveUp, Restarted, Started
from touchline.actors.health import Readiness, State, Status, readiness
from touchline.http.metrics import Metrics
from touchline.services.groups import DUTY, group
from touchline.services.metrics import TREE

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    WAIT_S,
    Away,
    Life,
    StartTree,
    crash,
    failing,
    outage,
    read_until,
    wait_for,
)


def test_a_crash_is_counted_for_its_child_and_reason(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), life.child("b"))

    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("a", restarts=1))

    assert [dict(child.ends) for child in tree.snapshot().children] == [{"crash": 1}, {}]


def test_each_try_of_an_outage_is_an_end_and_all_of_them_one_outage(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    life.plan_starts("a", failing(Away("gone")), failing(Away("gone")))

    tree.tell("a", outage)
    tree.next_event(WAIT_S)
    for delay_s in (1.0, 2.0):
        clock.advance(delay_s)
        tree.next_event(WAIT_S)
    clock.advance(4.0)
    read_until(tree, Restarted("a", restarts=0, after_outage=True))

    child = tree.snapshot().children[0]
    assert (dict(child.ends), child.outages) == ({"outage": 3}, 1)


def test_a_group_that_is_started_anew_sets_no_count_back(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    swift = Backoff(min_s=0.1, max_s=1.0, jitter=0.0, healthy_s=60.0)
    tree = start_tree(group("market", life.child("a", backoff=swift)))
    metrics = Metrics()
    metrics.show(tree.snapshot, *TREE)

    for crashes in range(1, DUTY.crashes + 1):
        tree.tell("a", crash)
        tree.next_event(WAIT_S)
        clock.advance(1.0)
        read_until(tree, Restarted("a", restarts=crashes))
    tree.tell("a", crash)
    read_until(tree, GaveUp("market", "3 crashes in 10 s, the last of a: ValueError: boom"))
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("market", restarts=1))

    def restarts(child: str) -> float | None:
        labels = {"child": child, "reason": "crash"}
        return metrics.registry.get_sample_value("touchline_child_restarts_total", labels)

    assert restarts("a") == DUTY.crashes + 1
    assert restarts("market") == 1
    assert [child.restarts for child in tree.snapshot().walk()] == [1, DUTY.crashes + 1]


def test_what_took_a_group_down_can_still_be_read_when_it_is_up_again_and_ends_as_trouble(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(group("market", life.child("a", intensity=Intensity(0, 60.0))))
    began_ms = clock.utc_ms()
    tree.tell("a", crash)
    read_until(tree, GaveUp("market", "1 crashes in 60 s, the last of a: ValueError: boom"))
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("market", restarts=1))

    child = tree.snapshot().children[0].children[0]
    assert child.last_error is not None
    assert "raise ValueError" in child.last_error.traceback
    assert (child.state, child.troubled_since_ms) == (State.RUNNING, began_ms)
    clock.advance(61.0)
    wait_for(lambda: tree.snapshot().children[0].children[0].troubled_since_ms is None)


def test_a_group_that_is_started_anew_does_not_let_its_children_wait_for_longer(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(group("market", life.child("a", intensity=Intensity(1, 60.0))))
    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("a", restarts=1))
    tree.tell("a", crash)
    read_until(tree, GaveUp("market", "2 crashes in 60 s, the last of a: ValueError: boom"))
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("market", restarts=1))

    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=3)


def test_a_group_started_anew_in_an_outage_is_not_a_service_that_has_never_been_up(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(group("group", life.child("a")))
    life.plan_starts("a", failing(Away("gone")))

    tree.restart("group", "op")
    assert BackedOff("a", "Away: gone") in read_until(tree, Started("group"))

    assert readiness(tree.snapshot(), {}) == Readiness(Status.NOT_READY, {"a": "backoff: Away"})
