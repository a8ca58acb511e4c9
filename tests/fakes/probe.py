"""Actors for the supervision's own tests: they do as a message tells them, and note their life."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from touchline.actors.actor import Actor
from touchline.actors.backoff import Backoff
from touchline.actors.child import Child
from touchline.actors.events import Event as TreeEvent
from touchline.actors.tree import Tree

WAIT_S = 20.0  #: seconds to wait for what must happen, however loaded the machine is
PLAIN = Backoff(min_s=1.0, max_s=8.0, jitter=0.0, healthy_s=60.0)  #: delays easy to count with

Step = Callable[[], object]
StartTree = Callable[..., Tree]  #: the fixture: children and the options of ``Tree.start``


class Away(Exception):
    """What the trees under test are told is an outage."""


class Life:
    """Starts and stops of all probes in order, and what is planned to go wrong in them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self._starts: dict[str, list[Step]] = {}
        self._stops: dict[str, Step] = {}

    def child(self, name: str, **spec: Any) -> Child:
        """A child list's line for a probe; delays are 1, 2, 4, 8 s without jitter."""
        return Child(name, lambda: Probe(self), **{"backoff": PLAIN, **spec})

    def plan_starts(self, name: str, *steps: Step) -> None:
        """Let the next starts of *name* run *steps*, one each."""
        self._starts[name] = list(steps)

    def plan_stop(self, name: str, step: Step) -> None:
        """Let every orderly stop of *name* run *step*."""
        self._stops[name] = step

    def starting(self, name: str) -> None:
        self.log.append(f"start {name}")
        if self._starts.get(name):
            self._starts[name].pop(0)()

    def stopping(self, name: str) -> None:
        self.log.append(f"stop {name}")
        self._stops.get(name, nothing)()


class Probe(Actor[Any]):
    """Answers with the message itself, or with what it returns if it can be called."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self._life = life

    def note(self, what: str) -> None:
        self._life.log.append(f"{what} {self.name}")

    def started(self) -> None:
        self._life.starting(self.name)

    def stopped(self) -> None:
        self._life.stopping(self.name)

    def receive(self, message: Any) -> object:
        return message(self) if callable(message) else message


def nothing() -> None:
    """The step that does nothing."""


def failing(exception: BaseException) -> Step:
    """A step that raises *exception*."""

    def step() -> None:
        raise exception

    return step


def forever() -> None:
    """A step that never returns; a kill ends it."""
    Event().wait()


def crash(_: Probe) -> None:
    """A message that is a bug."""
    raise ValueError("boom")


def outage(_: Probe) -> None:
    """A message that meets an outage."""
    raise Away("redis")


def hang(probe: Probe) -> None:
    """A message that is never done; the log shows when it has begun."""
    probe.note("hang")
    forever()


def read_until(tree: Tree, last: TreeEvent) -> list[TreeEvent]:
    """The events up to and including *last*."""
    seen: list[TreeEvent] = []
    while last not in seen:
        seen.append(tree.next_event(WAIT_S))
    return seen


def wait_for(condition: Callable[[], object]) -> None:
    """Let the event loop turn until *condition* holds; for what makes no event."""
    with gevent.Timeout(WAIT_S, TimeoutError(f"not within {WAIT_S} s")):
        while not condition():
            gevent.idle()


def deaf_until(release: Event) -> None:
    """Swallow every kill until *release* is set."""
    while not release.is_set():
        with contextlib.suppress(BaseException):
            release.wait()
