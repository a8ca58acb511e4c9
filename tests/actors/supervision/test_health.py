"""Health: plain values, read without a message, whatever the tree is busy with."""

from __future__ import annotations

import json
from collections.abc import Mapping

import gevent
import pytest
from gevent.event import Event
from structlog.testing import capture_logs
from touchline.actors import events
from touchline.actors.actor import Actor
from touchline.actors.child import Child
from touchline.actors.events import LINES, BackedOff, Crashed, Restarted, Started, log_event
from touchline.actors.health import State
from touchline.actors.looplag import LoopLag
from touchline.actors.supervisor import Supervisor

from tests.fakes.clock import FakeClock
from tests.fakes.probe import WAIT_S, Away, Life, StartTree, crash, failing, hang, outage, wait_for


class Detailed(Actor[object]):
    def detail(self) -> Mapping[str, object]:
        return {"lease": "held", "lag": 3}

    def receive(self, message: object) -> object:
        return message


class Broken(Detailed):
    def detail(self) -> Mapping[str, object]:
        raise KeyError("lease")


def test_the_tree_is_shown_by_name_and_nesting(start_tree: StartTree, life: Life) -> None:
    group = Child("group", lambda: Supervisor([life.child("b")]))

    health = start_tree(life.child("a"), group).snapshot()

    assert (health.name, health.state) == ("root", State.RUNNING)
    assert [child.name for child in health.children] == ["a", "group"]
    assert [child.name for child in health.children[1].children] == ["b"]
    assert [child.name for child in health.walk()] == ["a", "group", "b"]


def test_mailbox_age_and_uptime_are_read_from_the_clock(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", stop_s=0.0))
    tree.ask("a", "one", WAIT_S)
    tree.tell("a", hang)
    wait_for(lambda: "hang a" in life.log)
    tree.tell("a", "waits")

    clock.advance(7.0)

    child = tree.snapshot().children[0]
    assert (child.depth, child.oldest_s, child.handled, child.uptime_s) == (1, 7.0, 1, 7.0)


def test_health_answers_while_the_supervisor_is_busy_stopping_a_child(
    start_tree: StartTree, life: Life
) -> None:
    release = Event()
    tree = start_tree(life.child("a"), life.child("b"))
    life.plan_stop("b", release.wait)
    stopping = gevent.spawn(tree.stop)
    wait_for(lambda: "stop b" in life.log)

    health = tree.snapshot()
    release.set()

    assert [child.name for child in health.children] == ["a", "b"]
    assert stopping.get(timeout=WAIT_S).clean


def test_a_duty_adds_its_own_facts(start_tree: StartTree) -> None:
    tree = start_tree(Child("a", Detailed))

    assert tree.snapshot().children[0].detail == {"lease": "held", "lag": 3}


def test_a_detail_that_fails_does_not_take_the_page_with_it(start_tree: StartTree) -> None:
    tree = start_tree(Child("a", Broken))

    assert tree.snapshot().children[0].detail == {"error": "KeyError: 'lease'"}


def test_the_last_error_stays_visible_after_the_restart(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    tree.tell("a", crash)
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    tree.next_event(WAIT_S)

    child = tree.snapshot().children[0]
    assert child.state is State.RUNNING
    assert child.last_error is not None
    assert child.last_error.at_ms == clock.utc_ms() - 1_000
    assert 'raise ValueError("boom")' in child.last_error.traceback


def test_the_traceback_is_the_childs_even_if_an_asker_saw_the_exception_too(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a"))

    with pytest.raises(ValueError, match="boom"):
        tree.ask("a", crash, WAIT_S)

    crashed = tree.next_event(WAIT_S)
    assert isinstance(crashed, Crashed)
    assert "in crash" in crashed.traceback
    assert "in ask" not in crashed.traceback


def test_trouble_has_a_beginning_and_is_over_after_a_healthy_while(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    began_ms = clock.utc_ms()
    for _ in range(2):
        tree.tell("a", crash)
        tree.next_event(WAIT_S)
        clock.advance(3.0)
        tree.next_event(WAIT_S)
    assert tree.snapshot().children[0].troubled_since_ms == began_ms

    clock.advance(61.0)

    wait_for(lambda: tree.snapshot().children[0].troubled_since_ms is None)


def test_ends_are_counted_by_reason(start_tree: StartTree, life: Life, clock: FakeClock) -> None:
    tree = start_tree(life.child("a"))
    for message in (crash, outage, lambda probe: probe.greenlet.kill(block=False)):
        tree.tell("a", message)
        wait_for(lambda: tree.snapshot().children[0].state is State.BACKOFF)
        clock.advance(8.0)
        wait_for(lambda: tree.snapshot().children[0].state is State.RUNNING)

    assert tree.snapshot().children[0].ends == {"crash": 1, "outage": 1, "killed": 1}


def test_a_child_that_never_came_up_is_told_from_one_that_went_down(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    life.plan_starts("a", failing(Away("redis")))
    tree = start_tree(life.child("a"))
    before = tree.snapshot().children[0]
    clock.advance(1.0)
    tree.next_event(WAIT_S)
    tree.tell("a", outage)
    tree.next_event(WAIT_S)

    after = tree.snapshot().children[0]

    assert (before.state, before.been_up) == (State.BACKOFF, False)
    assert (after.state, after.been_up) == (State.BACKOFF, True)


def test_the_time_spent_on_messages_adds_up(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    for seconds in (2.0, 3.0):
        tree.ask("a", lambda _, s=seconds: clock.stall(s), WAIT_S)

    assert tree.snapshot().children[0].handling_s == 5.0


def test_everything_can_be_written_as_json(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    group = Child("group", lambda: Supervisor([life.child("b")]))
    tree = start_tree(Child("a", Detailed), group)
    tree.tell("b", crash)
    tree.next_event(WAIT_S)

    page = json.loads(json.dumps(tree.snapshot().as_dict()))

    child = page["children"][1]["children"][0]
    assert (child["state"], child["last_error"]["message"]) == ("backoff", "boom")
    assert child["last_error"]["at"].endswith("Z")
    assert page["children"][0]["detail"] == {"lease": "held", "lag": 3}


def test_loop_lag_is_the_worst_lateness_of_the_last_ten_seconds() -> None:
    clock = FakeClock()
    lag = LoopLag(clock)
    clock.advance(1.05)
    assert lag.worst_ms() == pytest.approx(0.0, abs=1e-6)

    clock.stall(0.3)  # the tick was due after 0.05 of it
    clock.advance(5.0)
    assert lag.worst_ms() == pytest.approx(250.0)

    clock.advance(10.0)
    assert lag.worst_ms() == pytest.approx(0.0, abs=1e-6)


def test_a_loop_is_stuck_when_it_is_late_for_seconds_twice_and_not_when_it_stood_still_once() -> (
    None
):
    clock = FakeClock()
    lag = LoopLag(clock)
    clock.stall(33.0)
    clock.advance(1.0)
    once = lag.stuck()

    clock.stall(6.0)
    clock.advance(1.0)
    twice = lag.stuck()
    clock.advance(11.0)

    assert (once, twice, lag.stuck()) == (False, True, False)


def test_every_event_has_a_line() -> None:
    assert set(LINES) == set(events.Event.__args__)


def test_a_crash_is_logged_with_its_child_reason_and_traceback() -> None:
    with capture_logs() as lines:
        log_event(Crashed("a", "ValueError: boom", "Traceback …"))

    assert lines == [
        {
            "event": "child crashed",
            "log_level": "error",
            "child": "a",
            "reason": "ValueError: boom",
            "exception": "Traceback …",
        }
    ]


def test_repeats_within_an_outage_are_not_logged() -> None:
    with capture_logs() as lines:
        log_event(BackedOff("a", "Away: redis", attempt=2))
        log_event(Restarted("a", 0, after_outage=True))
        log_event(Started("a"))

    assert [line["event"] for line in lines] == ["child started"]
