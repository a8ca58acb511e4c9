"""What ends a child, and how it comes back: same name, same mailbox, nobody else touched."""

from __future__ import annotations

import gevent
import pytest
from touchline.actors.actor import Ending
from touchline.actors.address import Addresses
from touchline.actors.child import Child, Restart
from touchline.actors.errors import Undelivered
from touchline.actors.events import Crashed, Restarted, Stopped
from touchline.actors.health import State, Status, readiness
from touchline.actors.looplag import LoopLag
from touchline.actors.messages import ChildEnded, ChildStarted
from touchline.actors.place import Surroundings
from touchline.actors.slot import Slot
from touchline.actors.supervisor import Supervisor

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    PLAIN,
    WAIT_S,
    Life,
    Probe,
    StartTree,
    crash,
    failing,
    forever,
    read_until,
    wait_for,
)

BOOM = Crashed("a", "ValueError: boom")


def leak_timeout(_: Probe) -> None:
    raise gevent.Timeout(1)


def exit_greenlet(_: Probe) -> None:
    raise gevent.GreenletExit


def exit_process(_: Probe) -> None:
    raise SystemExit(3)


def stop_itself(probe: Probe) -> None:
    probe.stop()


def test_a_restarted_child_keeps_its_address_and_its_mailbox(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    address = tree.address("a")
    handled: list[str] = []

    address.tell(crash)
    address.tell(lambda _: handled.append("sent before the restart"))
    assert tree.next_event(WAIT_S) == BOOM
    clock.advance(1.0)

    assert address.ask("hello", WAIT_S) == "hello"
    assert handled == ["sent before the restart"]
    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)


def test_a_message_that_crashed_its_child_is_not_tried_again(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))

    tree.tell("a", crash)
    read_until(tree, BOOM)
    clock.advance(1.0)
    read_until(tree, Restarted("a", restarts=1))
    tree.ask("a", "hello", WAIT_S)

    assert tree.snapshot().children[0].restarts == 1
    assert life.log == ["start a", "start a"]


def test_a_crash_in_an_ask_is_seen_by_the_asker_and_restarts_the_child(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))

    with pytest.raises(ValueError, match="boom"):
        tree.ask("a", crash, WAIT_S)

    assert tree.next_event(WAIT_S) == BOOM
    clock.advance(1.0)
    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)


@pytest.mark.parametrize("poison", [leak_timeout, exit_greenlet, exit_process, crash])
def test_whatever_a_child_raises_ends_only_itself(
    start_tree: StartTree, life: Life, clock: FakeClock, poison: object
) -> None:
    tree = start_tree(life.child("a"), life.child("b"))

    tree.tell("a", poison)
    assert isinstance(tree.next_event(WAIT_S), Crashed)
    clock.advance(1.0)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)
    assert [child.restarts for child in tree.snapshot().children] == [1, 0]
    assert tree.ask("b", "alive", WAIT_S) == "alive"


def test_a_child_killed_while_idle_is_noticed(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    greenlet = tree.ask("a", lambda probe: probe.greenlet, WAIT_S)

    greenlet.kill()

    assert tree.next_event(WAIT_S) == Crashed("a", "GreenletExit: killed")
    clock.advance(1.0)
    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)


def test_a_group_killed_again_while_it_ends_leaves_nothing_in_its_successors_way(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    made: list[Supervisor] = []

    def group() -> Supervisor:
        made.append(Supervisor([life.child(name, stop_s=60.0) for name in "ab"]))
        return made[-1]

    tree = start_tree(Child("group", group, backoff=PLAIN))
    for _ in range(3):
        made[0].greenlet.kill(block=False)
    read_until(tree, Crashed("group", "GreenletExit: killed"))
    clock.advance(1.0)

    read_until(tree, Restarted("group", restarts=1))
    assert [tree.ask(name, "here", WAIT_S) for name in "ab"] == ["here", "here"]


def test_a_child_killed_before_its_first_step_is_noticed_as_well(
    no_leaks: None, life: Life, addresses: Addresses, clock: FakeClock
) -> None:
    surroundings = Surroundings(addresses, clock, LoopLag(clock), (), lambda _: None)
    slot = Slot(life.child("a"), surroundings)
    slot.mailbox.open()
    reports: list[object] = []

    slot.launch(reports.append)
    slot.kill(gevent.GreenletExit())
    wait_for(lambda: reports)
    slot.ended(State.FAILED)

    (report,) = reports
    assert isinstance(report, ChildEnded)
    assert isinstance(report.ending.cause, gevent.GreenletExit)
    assert life.log == []


def test_a_late_word_of_an_earlier_incarnation_is_not_believed(
    start_tree: StartTree, life: Life, addresses: Addresses
) -> None:
    tree = start_tree(life.child("a"))
    earlier = Probe(life)

    addresses.mailbox("root").urge(ChildEnded("a", earlier, Ending(ValueError("long ago"))))
    addresses.mailbox("root").urge(ChildStarted("a", earlier))
    wait_for(addresses.mailbox("root").empty)

    assert tree.ask("a", "alive", WAIT_S) == "alive"
    with pytest.raises(TimeoutError):
        tree.next_event(timeout=0)


def test_a_keyboard_interrupt_in_a_child_still_reaches_the_main_greenlet(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a"))

    def interrupt(_: Probe) -> None:
        raise KeyboardInterrupt

    tree.tell("a", interrupt)

    with pytest.raises(KeyboardInterrupt):
        forever()


def test_crashes_in_started_back_off_longer_each_time(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    life.plan_starts("a", *[failing(ValueError("boom"))] * 2)
    tree.tell("a", crash)

    for delay_s in (1.0, 2.0, 4.0):
        assert tree.next_event(WAIT_S) == BOOM
        assert tree.snapshot().children[0].state is State.BACKOFF
        clock.advance(delay_s - 0.01)
        assert clock.next_timer_s() == pytest.approx(0.01)
        clock.advance(0.01)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=3)


def test_a_healthy_while_makes_the_next_delay_short_again(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))
    for delay_s in (1.0, 2.0):
        tree.tell("a", crash)
        read_until(tree, BOOM)
        clock.advance(delay_s)
        assert isinstance(tree.next_event(WAIT_S), Restarted)

    clock.advance(60.0)
    tree.tell("a", crash)
    read_until(tree, BOOM)
    clock.advance(1.0)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=3)


def test_a_permanent_child_that_ends_by_itself_comes_back(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"))

    tree.tell("a", stop_itself)

    assert tree.next_event(WAIT_S) == Crashed("a", "ended by itself")
    clock.advance(1.0)
    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)


def test_a_transient_child_comes_back_only_after_a_crash(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a", restart=Restart.TRANSIENT))

    tree.tell("a", crash)
    read_until(tree, BOOM)
    clock.advance(1.0)
    read_until(tree, Restarted("a", restarts=1))
    tree.tell("a", stop_itself)

    assert tree.next_event(WAIT_S) == Stopped("a")
    assert tree.snapshot().children[0].state is State.STOPPED
    assert readiness(tree.snapshot(), {}).status is Status.READY


def test_a_temporary_child_never_comes_back_and_its_askers_are_told(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", restart=Restart.TEMPORARY))

    tree.tell("a", crash)

    assert tree.next_event(WAIT_S) == BOOM
    assert tree.snapshot().children[0].state is State.FAILED
    with pytest.raises(Undelivered):
        tree.ask("a", "hello", timeout_s=60)


@pytest.mark.parametrize("failure", [ValueError("boom"), gevent.Timeout(3)])
def test_a_factory_that_fails_at_a_restart_is_a_crash_like_any_other(
    start_tree: StartTree, life: Life, clock: FakeClock, failure: BaseException
) -> None:
    made: list[Probe] = []

    def factory() -> Probe:
        if len(made) == 1:
            made.append(Probe(life))
            raise failure
        made.append(Probe(life))
        return made[-1]

    tree = start_tree(Child("a", factory, backoff=life.child("a").backoff))
    tree.tell("a", crash)
    for delay_s in (1.0, 2.0):
        assert isinstance(tree.next_event(WAIT_S), Crashed)
        clock.advance(delay_s)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=2)


class Mute(Exception):
    def __str__(self) -> str:
        raise KeyError("words")


def test_an_exception_that_cannot_be_put_into_words_ends_its_child_alone(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    tree = start_tree(life.child("a"), life.child("b"))

    def be_mute(_: Probe) -> None:
        raise Mute

    tree.tell("a", be_mute)
    assert tree.next_event(WAIT_S) == Crashed("a", "Mute: its text cannot be told: KeyError")
    clock.advance(1.0)

    assert tree.next_event(WAIT_S) == Restarted("a", restarts=1)
    assert life.log == ["start a", "start b", "start a"]


def test_of_an_exception_that_says_too_much_the_beginning_is_kept(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a"))

    def rant(_: Probe) -> None:
        raise ValueError("no! " * 1_000_000)

    tree.tell("a", rant)
    tree.next_event(WAIT_S)

    error = tree.snapshot().children[0].last_error
    assert error is not None
    assert error.message.startswith("no! no! ")
    assert len(error.message) + len(error.traceback) < 20_000
