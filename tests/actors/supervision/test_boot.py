"""The boot: in order, each child when the one before it has started, all of them or none."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event
from touchline.actors.actor import Actor
from touchline.actors.child import ONE_FOR_ALL, REST_FOR_ONE, Child
from touchline.actors.errors import BootFailed
from touchline.actors.events import Event as TreeEvent
from touchline.actors.events import Killed, Restarted, Started, Survived
from touchline.actors.health import Readiness, State, Status, readiness
from touchline.actors.supervisor import Supervisor
from touchline.actors.tree import Tree

from tests.fakes.clock import FakeClock
from tests.fakes.probe import (
    WAIT_S,
    Away,
    Life,
    Probe,
    StartTree,
    deaf_until,
    failing,
    forever,
    read_until,
    wait_for,
)

BOOM = failing(ValueError("boom"))


def test_children_start_in_order_each_after_the_one_before(
    start_tree: StartTree, life: Life
) -> None:
    life.plan_starts("a", lambda: (gevent.idle(), life.log.append("a is ready")))

    start_tree(life.child("a"), life.child("b"), life.child("c"))

    assert life.log == ["start a", "a is ready", "start b", "start c"]


def test_a_crash_at_boot_undoes_the_boot_in_reverse_and_says_why(
    start_tree: StartTree, life: Life
) -> None:
    life.plan_starts("c", BOOM)

    with pytest.raises(BootFailed, match="c did not start: ValueError: boom") as failed:
        start_tree(*(life.child(name) for name in "abcd"))

    assert isinstance(failed.value.__cause__, ValueError)
    assert life.log == ["start a", "start b", "start c", "stop b", "stop a"]


def test_a_crash_deep_in_the_tree_fails_the_boot_too(start_tree: StartTree, life: Life) -> None:
    life.plan_starts("b", BOOM)
    inner = Child("inner", lambda: Supervisor([life.child("b")]))

    with pytest.raises(BootFailed, match=r"inner did not start: .*b did not start: .*boom"):
        start_tree(life.child("a"), inner)

    assert life.log == ["start a", "start b", "stop a"]


def test_a_factory_that_fails_fails_the_boot(start_tree: StartTree) -> None:
    def factory() -> Actor[object]:
        raise KeyError("setting")

    with pytest.raises(BootFailed, match="a did not start: KeyError: 'setting'"):
        start_tree(Child("a", factory))


def test_an_actor_that_forgot_super_fails_the_boot_with_a_hint(start_tree: StartTree) -> None:
    class Forgetful(Actor[object]):
        def __init__(self) -> None:
            self.duty = "none"

        def receive(self, message: object) -> object:
            return message

    with pytest.raises(BootFailed, match=r"must call super\(\)\.__init__"):
        start_tree(Child("a", Forgetful))


def test_one_actor_cannot_be_two_children(start_tree: StartTree, life: Life) -> None:
    actor = Probe(life)

    with pytest.raises(BootFailed, match="b must build a new actor each time"):
        start_tree(Child("a", lambda: actor), Child("b", lambda: actor))


def test_two_children_cannot_share_a_name(start_tree: StartTree, life: Life) -> None:
    inner = Child("inner", lambda: Supervisor([life.child("a")]))

    with pytest.raises(BootFailed, match="two children are named 'a'"):
        start_tree(life.child("a"), inner)


def test_a_start_that_hangs_is_killed_at_its_deadline_and_fails_the_boot(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    life.plan_starts("b", forever)
    events: list[TreeEvent] = []

    boot = gevent.spawn(
        start_tree, life.child("a"), life.child("b", start_s=3.0), on_event=events.append
    )
    wait_for(lambda: "start b" in life.log)
    clock.advance(3.0)

    with pytest.raises(BootFailed, match="b did not start: HungStart: no start within 3 s"):
        boot.get(timeout=WAIT_S)
    assert Killed("b", "no start within 3 s") in events
    assert life.log == ["start a", "start b", "stop a"]


def test_a_start_that_even_survives_its_kill_does_not_hang_the_boot(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    release = Event()
    life.plan_starts("a", lambda: deaf_until(release))
    events: list[TreeEvent] = []

    boot = gevent.spawn(
        start_tree, life.child("a", start_s=3.0, stop_s=0.0), on_event=events.append
    )
    wait_for(lambda: "start a" in life.log)
    clock.advance(3.0)
    wait_for(lambda: any(isinstance(event, Killed) for event in events))
    clock.advance(1.0)

    with pytest.raises(BootFailed, match="and does not end"):
        boot.get(timeout=WAIT_S)
    assert Survived("a") in events
    release.set()


def test_an_outage_at_boot_is_waited_out_while_the_boot_goes_on(
    start_tree: StartTree, life: Life, clock: FakeClock
) -> None:
    life.plan_starts("a", failing(Away("redis")))

    tree = start_tree(life.child("a"), life.child("b"))

    assert [child.state for child in tree.snapshot().children] == [State.BACKOFF, State.RUNNING]
    assert readiness(tree.snapshot(), {}) == Readiness(Status.STARTING, {"a": "backoff: Away"})
    clock.advance(1.0)
    assert tree.next_event(WAIT_S) == Restarted("a", restarts=0, after_outage=True)


@pytest.mark.parametrize("strategy", [REST_FOR_ONE, ONE_FOR_ALL])
def test_an_outage_at_boot_holds_up_the_children_that_depend_on_it(
    start_tree: StartTree, life: Life, clock: FakeClock, strategy: object
) -> None:
    life.plan_starts("a", failing(Away("redis")))

    tree = start_tree(life.child("a"), life.child("b"), strategy=strategy)

    assert life.log == ["start a"]
    clock.advance(1.0)
    read_until(tree, Started("b"))
    assert life.log == ["start a", "start a", "start b"]


def test_an_interrupted_boot_leaves_nothing_running(start_tree: StartTree, life: Life) -> None:
    life.plan_starts("b", forever)

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        start_tree(life.child("a"), life.child("b", stop_s=0.0))

    assert life.log == ["start a", "start b", "stop a"]


def test_the_events_of_the_boot_are_over_when_the_tree_is_handed_out(
    start_tree: StartTree, life: Life
) -> None:
    events: list[TreeEvent] = []

    tree = start_tree(life.child("a"), life.child("b"), on_event=events.append)

    assert events == [Started("a"), Started("b"), Started("root")]
    with pytest.raises(TimeoutError):
        tree.next_event(timeout=0)


def test_an_observer_that_fails_does_not_harm_what_it_observes(
    start_tree: StartTree, life: Life
) -> None:
    def observe(_: TreeEvent) -> None:
        raise ValueError("observer")

    tree: Tree = start_tree(life.child("a"), on_event=observe)

    assert tree.ask("a", "alive", WAIT_S) == "alive"
