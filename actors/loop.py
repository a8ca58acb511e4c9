"""The greenlet an actor runs on, and how it ends."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import gevent

TRACE = 16_384  #: characters of a traceback that are kept; as many as the log shows of it


class Loop(gevent.Greenlet):  # type: ignore[misc]  # gevent ships no annotations
    """An actor's greenlet; it does not keep the stack it was spawned from.

    That is always a supervisor's, and gevent's copy of it takes 650 bytes an actor.
    """

    __slots__ = ()
    spawning_stack_limit = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How an actor's greenlet ended; its value, so that gevent prints nothing by itself."""

    cause: BaseException | None = None  #: None: in good order
    #: As text and from the moment of the crash: a live one keeps frames alive, and changes
    #: when an asker raises the same exception.
    traceback: str = ""


def crash(cause: BaseException) -> Ending:
    """The ending by *cause*, which is being handled."""
    trace = "".join(traceback.format_exception(cause))
    return Ending(cause, trace if len(trace) <= TRACE else trace[:TRACE] + "…")


def ending_of(greenlet: gevent.Greenlet) -> Ending:
    """How a dead greenlet ended. A killed one counts as successful, with an exception as value."""
    value = greenlet.value
    if isinstance(value, Ending):
        return value
    return Ending(value if isinstance(value, BaseException) else greenlet.exception)
