"""Work that is killed, or stands still for as long as one likes, between two of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gevent
from gevent.event import Event

from tests.fakes.failing import Killed


@dataclass(frozen=True, slots=True)
class Fate:
    """What comes upon some work *after* or before its step number *step*."""

    what: Literal["kill", "freeze"]
    step: int
    after: bool


class Steps:
    """Counts the steps of everything it guards; its fate comes once."""

    def __init__(self) -> None:
        self.fate: Fate | None = None
        self.taken = 0
        self.frozen, self.thawed = Event(), Event()

    def begin(self, fate: Fate | None) -> None:
        """Some other work begins, and *fate* will come upon it."""
        self.fate, self.taken = fate, 0
        self.frozen.clear()
        self.thawed.clear()

    def guard(self, real: Any, *, held: tuple[str, ...] = ()) -> Any:
        """*real*, each of whose methods is a step.

        Those called *held* are made within a transaction, where nobody stands still for long:
        Postgres ends it. They are no place to freeze.
        """
        return _Guarded(real, self, held)

    def client(self, real: Any) -> Any:
        """A Redis client: each round trip is a step."""
        return _Client(real, self)

    def run(self, call: Callable[[], Any], *, held: bool = False) -> Any:
        """One step."""
        self.taken += 1
        fate = self.fate
        if fate is None or self.taken < fate.step or (held and fate.what == "freeze"):
            return call()
        self.fate = None
        if not fate.after:
            self._meet(fate)
        result = call()
        if fate.after:
            self._meet(fate)
        return result

    def _meet(self, fate: Fate) -> None:
        if fate.what == "kill":
            raise Killed
        self.frozen.set()
        self.thawed.wait()


class Work:
    """*call* in a greenlet of its own, up to its end or to where *steps* freeze it."""

    def __init__(self, steps: Steps, call: Callable[[], object]) -> None:
        self._steps = steps
        self._call = call
        self._raised: BaseException | None = None
        self._greenlet = gevent.spawn(self._run)
        gevent.wait([self._greenlet, steps.frozen], count=1)

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return not self._greenlet.ready()

    def thaw(self) -> None:
        """Let it go on to its end; raises what it raises."""
        self._steps.thawed.set()
        self._greenlet.join()
        if self._raised is not None:
            raise self._raised

    def _run(self) -> None:
        # What is raised is for whoever thaws us: nothing is to be printed of it.
        try:
            self._call()
        except BaseException as raised:
            self._raised = raised


class _Guarded:
    def __init__(self, real: Any, steps: Steps, held: tuple[str, ...]) -> None:
        self._real, self._steps, self._held = real, steps, held

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found
        held = name in self._held
        return lambda *args, **named: self._steps.run(lambda: found(*args, **named), held=held)


class _Client(_Guarded):
    def __init__(self, real: Any, steps: Steps) -> None:
        super().__init__(real, steps, ())

    def __getattr__(self, name: str) -> Any:
        if name == "pipeline":
            return self._pipeline
        if name == "connection_pool":  # scripts send over a connection of it
            return _Pool(self._real.connection_pool, self._steps)
        return super().__getattr__(name)

    def _pipeline(self, *args: Any, **named: Any) -> Any:
        return _Pipeline(self._real.pipeline(*args, **named), self._steps)


class _Pool:
    """Steps before a round trip and behind it; the dead hold no connection for ever."""

    def __init__(self, real: Any, steps: Steps) -> None:
        self._real = real
        self._steps = steps

    def get_connection(self) -> Any:
        self._steps.run(lambda: None)
        return self._real.get_connection()

    def release(self, connection: Any) -> None:
        self._real.release(connection)
        self._steps.run(lambda: None)


class _Pipeline:
    def __init__(self, real: Any, steps: Steps) -> None:
        self._real, self._steps = real, steps

    def __enter__(self) -> _Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self._real.reset()

    def __len__(self) -> int:
        return len(self._real)

    def execute(self) -> Any:
        return self._steps.run(self._real.execute)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
