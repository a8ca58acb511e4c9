"""What our actors take from pykka 4.5, point by point.

pykka is pinned to 4.5.*, but the points used here are documented as internal or not at all. Each
failure names the part of ours that a new pykka would break; read it before the pin is moved.
"""

from __future__ import annotations

import inspect
from importlib.metadata import requires, version
from typing import Any

import gevent
import pykka
import pytest
from pykka._envelope import Envelope
from pykka.messages import _ActorStop
from touchline.actors.actor import Actor
from touchline.actors.errors import AskTimeout, Undelivered
from touchline.actors.future import Future
from touchline.actors.mailbox import Mailbox

from tests.fakes.probe import WAIT_S, failing

EXTENSION_POINTS = {"_create_actor_inbox", "_create_future", "_start_actor_loop"}


class Echo(Actor[Any]):
    """Answers with the message itself, or with what it returns if it can be called."""

    def receive(self, message: Any) -> object:
        return message() if callable(message) else message


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_pykka_installed_is_the_one_that_is_pinned() -> None:
    assert "pykka==4.5.*" in (requires("touchline") or [])
    assert version("pykka").startswith("4.5."), "actors/actor.py stands on the insides of pykka 4.5"


def test_an_actor_is_completed_by_exactly_the_three_points_that_ours_fills() -> None:
    theirs = set(pykka.Actor.__abstractmethods__)

    assert theirs == EXTENSION_POINTS, f"actors/actor.py does not know {theirs ^ EXTENSION_POINTS}"
    assert set(vars(Actor)) >= EXTENSION_POINTS
    for static in ("_create_actor_inbox", "_create_future"):
        found = inspect.getattr_static(pykka.Actor, static)
        assert isinstance(found, staticmethod), f"{static} is called without an actor no more"


def test_a_new_actor_has_an_inbox_a_ref_and_a_flag_before_its_own_init_runs() -> None:
    actor = Echo()

    assert isinstance(actor.actor_inbox, Mailbox), "_create_actor_inbox is not what makes it"
    assert isinstance(actor.actor_ref, pykka.ActorRef)
    assert actor.actor_ref is actor._actor_ref, "take_place replaces _actor_ref by this name"
    assert actor.actor_ref.actor_inbox is actor.actor_inbox, "a ref sends to the inbox it was given"
    assert not actor.actor_stopped.is_set()


def test_starting_registers_and_runs_our_loop(no_leaks: None) -> None:
    ref = Echo.start()

    actor = ref._actor_weakref()
    assert actor is not None
    assert isinstance(actor.greenlet, gevent.Greenlet), "_start_actor_loop is not what starts it"
    assert ref in pykka.ActorRegistry.get_all()
    assert ref.stop(timeout=WAIT_S)


def test_a_ref_can_be_registered_and_struck_off_more_than_once(no_leaks: None) -> None:
    ref = Echo().actor_ref

    pykka.ActorRegistry.register(ref)
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is ref
    for _ in range(2):  # a loop does it, and its slot as well in case it was killed before
        pykka.ActorRegistry.unregister(ref)

    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is None


def test_a_ref_puts_envelopes_with_a_message_and_a_future_of_ours() -> None:
    envelope = Envelope("message", reply_to=None)
    actor, put = Echo(), []
    actor.actor_ref.actor_inbox = Recording(put)

    actor.actor_ref.tell("told")
    answer = actor.actor_ref.ask("asked", block=False)

    assert (envelope.message, envelope.reply_to) == ("message", None)
    assert [(e.message, e.reply_to) for e in put] == [("told", None), ("asked", answer)]
    assert isinstance(answer, Future), "an ask does not get its future from _create_future"


class Recording:
    """An inbox that only keeps what is put."""

    def __init__(self, put: list[Envelope[Any]]) -> None:
        self._put = put

    def put(self, envelope: Envelope[Any], /) -> None:
        self._put.append(envelope)


def test_a_ref_asks_for_a_stop_by_the_message_that_takes_our_urgent_lane() -> None:
    actor, put = Echo(), []
    actor.actor_ref.actor_inbox = Recording(put)
    mailbox = Echo._create_actor_inbox()
    mailbox.deliver("before")

    actor.actor_ref.stop(block=False)
    mailbox.put(put[0])

    assert type(put[0].message) is _ActorStop, "Mailbox.put and the loop know a stop by its type"
    assert type(mailbox.get().message) is _ActorStop
    assert mailbox.get().message == "before"
    assert mailbox.empty()


def test_an_actor_ref_can_tell_ask_and_stop(no_leaks: None) -> None:
    ref = Echo.start()

    ref.tell("anything")

    assert ref.ask("hello", timeout=WAIT_S) == "hello"
    assert ref.ask("later", block=False).get(timeout=WAIT_S) == "later"
    assert ref.stop(timeout=WAIT_S)
    assert not ref.is_alive()
    assert not ref.stop(timeout=WAIT_S), "a second stop tells that nothing was running"


def test_an_actor_can_stop_itself(no_leaks: None) -> None:
    ref = Echo.start()
    actor = ref._actor_weakref()
    assert actor is not None

    actor.stop()

    assert actor.actor_stopped.wait(WAIT_S)


def test_whoever_still_tells_or_asks_a_stopped_actor_is_told(no_leaks: None) -> None:
    ref = Echo.start()
    ref.stop(timeout=WAIT_S)

    with pytest.raises(pykka.ActorDeadError):
        ref.tell("late")
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("late", timeout=WAIT_S)
    assert issubclass(Undelivered, pykka.ActorDeadError)


@pytest.mark.parametrize(
    ("poison", "seen"), [(ValueError("boom"), ValueError), (gevent.Timeout(1), Undelivered)]
)
def test_the_asker_sees_the_crash_and_never_an_exception_that_would_end_its_own_greenlet(
    no_leaks: None, poison: BaseException, seen: type[Exception]
) -> None:
    ref = Echo.start()

    with pytest.raises(seen):
        ref.ask(failing(poison), timeout=WAIT_S)


def test_a_future_is_completed_by_the_methods_that_ours_fills() -> None:
    theirs = {name for name, value in vars(pykka.Future).items() if inspect.isfunction(value)}

    assert parameters(pykka.Future.get) == ["self", "timeout"]
    assert parameters(pykka.Future.set) == ["self", "value"]
    assert parameters(pykka.Future.set_exception) == ["self", "exc_info"]
    assert {"get", "set", "set_exception"} <= theirs & set(vars(Future))
    assert Future()._get_hook is None, "Future.get takes the short way by this name"


def test_futures_can_be_mapped_filtered_and_joined_as_pykkas_own() -> None:
    one, two = Future(), Future()
    one.set([1, 2, 3])
    two.set([4])

    assert one.map(len).get(timeout=WAIT_S) == 3
    assert one.filter(lambda n: n > 1).get(timeout=WAIT_S) == [2, 3]
    assert one.join(two).get(timeout=WAIT_S) == [[1, 2, 3], [4]]
    assert pykka.get_all([one, two], timeout=WAIT_S) == [[1, 2, 3], [4]]


def test_a_future_answers_with_what_the_protocol_says() -> None:
    by_info, by_handling = Future(), Future()
    by_info.set_exception((ValueError, ValueError("told"), None))
    try:
        raise KeyError("handled")
    except KeyError:
        by_handling.set_exception()

    with pytest.raises(ValueError, match="told"):
        by_info.get(timeout=WAIT_S)
    with pytest.raises(KeyError, match="handled"):
        by_handling.get(timeout=WAIT_S)
    with pytest.raises(AskTimeout):
        Future().get(timeout=0.0)
    assert AskTimeout is pykka.Timeout
