"""What ended children is counted for as long as the process lives, whatever is started anew."""

from __future__ import annotations

from touchline.actors.backoff import Backoff
from touchline.actors.events import GaveUp, Restarted
from touchline.http.metrics import Metrics
from touchline.services.groups import DUTY, group
from touchline.services.metrics import TREE

from tests.fakes.clock import FakeClock
from tests.fakes.probe import WAIT_S, Away, Life, StartTree, crash, failing, outage, read_until


def test_a_crash_is_counted_for_its_child_and_reason(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), life.child("b"))

    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("a", restarts=1))

    assert tree.snapshot().ends == {"a": {"crash": 1}}


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

    assert tree.snapshot().ends == {"a": {"outage": 3}}
    assert tree.snapshot().outages == {"a": 1}


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
    assert [child.restarts for child in tree.snapshot().walk()] == [1, 0]
