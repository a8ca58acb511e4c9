"""An actor without a supervisor: as a unit test meets it, and as plain pykka does."""

from __future__ import annotations

import inspect
from typing import Any

import gevent
import pykka
import pytest
from pykka import messages
from touchline.actors.actor import Actor
from touchline.actors.child import Child
from touchline.actors.errors import Undelivered

from tests.fakes.probe import WAIT_S, StartTree


class Echo(Actor[Any]):
    def receive(self, message: Any) -> object:
        if message == "crash":
            raise ValueError("boom")
        if message == "leak":
            raise gevent.Timeout(1)
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


# What of pykka the base class stands on. A new pykka that breaks one of these breaks us.


@pytest.mark.parametrize("hook", ["_create_actor_inbox", "_create_future", "_start_actor_loop"])
def test_pykka_still_has_its_extension_points(hook: str) -> None:
    assert hook in pykka.Actor.__abstractmethods__


def test_pykka_still_wraps_messages_and_stops_as_we_read_them() -> None:
    assert pykka.__name__ == "pykka"
    assert issubclass(messages._ActorStop, object)
    assert list(inspect.signature(pykka.Future.get).parameters) == ["self", "timeout"]
    assert list(inspect.signature(pykka.Future.set_exception).parameters) == ["self", "exc_info"]


def test_an_actor_ref_can_tell_ask_and_stop(no_leaks: None) -> None:
    ref = Echo.start()

    ref.tell("anything")

    assert ref.ask("hello", timeout=WAIT_S) == "hello"
    assert ref.ask("later", block=False).get(timeout=WAIT_S) == "later"
    assert ref.stop(timeout=WAIT_S)
    assert not ref.is_alive()


def test_futures_can_be_mapped_as_pykkas_own(no_leaks: None) -> None:
    ref = Echo.start()

    shouted = ref.ask("hello", block=False).map(str.upper)

    assert shouted.get(timeout=WAIT_S) == "HELLO"
    ref.stop(timeout=WAIT_S)


@pytest.mark.parametrize(("message", "seen"), [("crash", ValueError), ("leak", Undelivered)])
def test_the_asker_sees_the_crash_and_never_an_exception_that_would_end_its_own_greenlet(
    no_leaks: None, message: str, seen: type[Exception]
) -> None:
    ref = Echo.start()

    with pytest.raises(seen):
        ref.ask(message, timeout=WAIT_S)
