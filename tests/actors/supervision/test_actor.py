"""An actor without a supervisor: as a unit test meets it, and as plain pykka does."""

from __future__ import annotations

from typing import Any

from touchline.actors.actor import Actor
from touchline.actors.child import Child

from tests.fakes.probe import WAIT_S, StartTree


class Echo(Actor[Any]):
    def receive(self, message: Any) -> object:
        return message


class Busy(Actor[str]):
    def started(self) -> None:
        self.every(5.0, "sweep")
        self.after(1.0, "look")
        self.link(self.read)
        self.me.tell("begin")

    def read(self) -> None:
        raise AssertionError("a reader must not run outside of a tree")

    def receive(self, message: str) -> object:
        return message.upper()


def test_started_and_receive_can_be_called_directly() -> None:
    actor = Busy()

    actor.started()

    assert actor.receive("sweep") == "SWEEP"


def test_timers_links_and_tells_to_itself_are_only_recorded() -> None:
    actor = Busy()

    actor.started()

    assert [(t.seconds, t.message, t.repeats) for t in actor.timers] == [
        (5.0, "sweep", True),
        (1.0, "look", False),
    ]
    assert actor.links == [actor.read]
    assert actor.actor_inbox.queued() == ("begin",)


def test_a_recorded_timer_can_be_cancelled() -> None:
    actor = Busy()
    timer = actor.every(1.0, "tick")

    timer.cancel()

    assert actor.timers == ()


def test_an_actor_does_not_keep_the_stack_it_was_spawned_from(no_leaks: None) -> None:
    ref = Echo.start()
    actor = ref._actor_weakref()

    assert actor is not None
    assert actor.greenlet is not None
    assert actor.greenlet.spawning_stack is None
    ref.stop()


def test_a_duty_may_have_private_names_like_those_of_its_base(start_tree: StartTree) -> None:
    class Overlapping(Echo):
        def __init__(self) -> None:
            super().__init__()
            self._place = self._timers = self._monotonic = self._readers = self._serve = "mine"

    tree = start_tree(Child("a", Overlapping))

    assert tree.ask("a", "hello", WAIT_S) == "hello"
