"""Timers: at most one message of each in the mailbox, and gone with their incarnation."""

from __future__ import annotations

from typing import Any

import pytest
from gevent.event import Event
from touchline.actors.actor import Actor
from touchline.actors.child import Child
from touchline.actors.events import Restarted
from touchline.actors.mailbox import Mailbox, Policy
from touchline.actors.timer import SYSTEM_CLOCK, Timer

from tests.fakes.clock import FakeClock
from tests.fakes.probe import PLAIN, WAIT_S, StartTree, read_until


class Ticker(Actor[Any]):
    """Counts its ticks, one a second, and does as it is told."""

    def __init__(self, gate: Event) -> None:
        super().__init__()
        self._gate = gate
        self._ticks = 0

    def started(self) -> None:
        self._timer = self.every(1.0, "tick")

    def receive(self, message: Any) -> object:
        match message:
            case "tick":
                self._ticks += 1
            case "wait":
                self._gate.wait()
            case "cancel":
                self._timer.cancel()
            case "soon":
                self.after(0.5, "tick")
            case "crash":
                raise ValueError("boom")
        return self._ticks


@pytest.fixture
def gate() -> Event:
    return Event()


@pytest.fixture
def ticker(gate: Event) -> Child:
    return Child("a", lambda: Ticker(gate), backoff=PLAIN)


def armed(clock: FakeClock, mailbox: Mailbox, *, repeats: bool = True) -> Timer:
    timer = Timer(1.0, "tick", repeats=repeats, shelf={})
    timer.arm(clock, mailbox.deliver)
    return timer


def test_a_periodic_message_arrives_each_time(
    start_tree: StartTree, clock: FakeClock, ticker: Child
) -> None:
    tree = start_tree(ticker)

    for expected in (1, 2, 3):
        clock.advance(1.0)
        assert tree.ask("a", "how many", WAIT_S) == expected


def test_the_first_of_many_may_come_sooner() -> None:
    clock, mailbox = FakeClock(), Mailbox("a")
    mailbox.open()
    timer = Timer(1.0, "tick", repeats=True, shelf={}, first_s=0.25)
    timer.arm(clock, mailbox.deliver)
    came = []
    for _ in range(8):
        clock.advance(0.25)
        came.append(len(mailbox.queued()))
        while mailbox.queued():
            mailbox.take()
            timer.take()

    assert came == [1, 0, 0, 0, 1, 0, 0, 0]


def test_ticks_do_not_pile_up_behind_a_slow_message(
    start_tree: StartTree, clock: FakeClock, ticker: Child, gate: Event
) -> None:
    tree = start_tree(ticker)
    tree.tell("a", "wait")

    clock.advance(50.0)
    gate.set()

    assert tree.ask("a", "how many", WAIT_S) == 1


def test_a_one_shot_timer_fires_once_and_is_forgotten(
    start_tree: StartTree, clock: FakeClock, ticker: Child
) -> None:
    tree = start_tree(ticker)
    tree.ask("a", "cancel", WAIT_S)
    tree.ask("a", "soon", WAIT_S)

    clock.advance(0.5)
    tree.ask("a", "how many", WAIT_S)
    clock.advance(10.0)

    assert tree.ask("a", "how many", WAIT_S) == 1


@pytest.mark.parametrize("policy", list(Policy))
def test_a_tick_lost_to_a_full_mailbox_does_not_end_the_timer(policy: Policy) -> None:
    clock, mailbox = FakeClock(), Mailbox("a")
    mailbox.open(1, policy)
    timer = armed(clock, mailbox)
    mailbox.deliver("before")  # with DROP_NEW the tick is lost, with DROP_OLD this is
    clock.advance(1.0)
    mailbox.deliver("after")
    mailbox.take()

    clock.advance(1.0)

    assert mailbox.take()[1] is timer


def test_a_message_of_a_cancelled_timer_that_already_waits_is_not_handled() -> None:
    clock, mailbox = FakeClock(), Mailbox("a")
    mailbox.open()
    timer = armed(clock, mailbox)
    clock.advance(1.0)

    timer.cancel()

    assert mailbox.take()[1].take() is None


def test_timers_die_with_their_incarnation(
    start_tree: StartTree, clock: FakeClock, ticker: Child, gate: Event
) -> None:
    tree = start_tree(ticker)
    tree.tell("a", "wait")
    clock.advance(1.0)  # a tick of the first incarnation waits, and will be read by the second
    tree.tell("a", "crash")
    gate.set()
    tree.next_event(WAIT_S)
    clock.advance(1.0)
    read_until(tree, Restarted("a", 1))

    assert tree.ask("a", "how many", WAIT_S) == 0

    clock.advance(1.0)

    assert tree.ask("a", "how many", WAIT_S) == 1


def test_an_interval_must_be_positive() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Ticker(Event()).every(0.0, "tick")


def test_the_system_clock_fires_repeatedly_until_cancelled() -> None:
    fired, often_enough = [], Event()

    def fire() -> None:
        fired.append(SYSTEM_CLOCK.monotonic())
        if len(fired) == 3:
            often_enough.set()

    began = SYSTEM_CLOCK.monotonic()
    cancel = SYSTEM_CLOCK.timer(0.01, 0.01, fire)

    assert often_enough.wait(WAIT_S)
    cancel()
    assert fired[0] >= began + 0.009
