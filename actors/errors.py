"""What can end an actor, a boot or a whole tree, as exceptions."""

from __future__ import annotations

import pykka
from gevent import GreenletExit

TEXT = 2_000  #: characters of what an exception says; the page and every heartbeat carry them
AskTimeout = pykka.Timeout  #: an ask was not answered in time


class Undelivered(pykka.ActorDeadError):
    """A message found no reader: the mailbox was full, or its child unknown or stopped."""


class LinkEnded(Exception):
    """A linked reader returned, though it should run as long as its owner."""


class BootFailed(Exception):
    """A child did not start, so its supervisor did not either; the cause is chained."""


class Escalated(Exception):
    """A supervisor gave up: its children crashed more often than its intensity allows."""


class Stuck(BaseException):
    """Thrown into a child that has been busy with one message for too long.

    Not an ``Exception``: library code that swallows those must not swallow this.
    """


class HungStart(BaseException):
    """Thrown into a child whose ``started`` did not return within its deadline."""


class StopAsked(BaseException):
    """Raised inside an actor's loop by a stop request; never seen outside of it."""


def describe(cause: BaseException | None) -> str:
    """One line for people: why a child ended."""
    kind, text = kind_of(cause), text_of(cause)
    return f"{kind}: {text}" if kind and text else kind or text


def kind_of(cause: BaseException | None) -> str:
    """The type's name; empty where there was no error."""
    return "" if cause is None else type(cause).__name__


def text_of(cause: BaseException | None) -> str:
    """What *cause* says, on one line."""
    if cause is None:
        return "ended by itself"
    if isinstance(cause, GreenletExit):
        return "killed"
    try:
        said = str(cause)
    except Exception as why:  # of a bug in a child its supervisor must not die as well
        return f"its text cannot be told: {type(why).__name__}"
    return " ".join(said[:TEXT].split()) + ("…" if len(said) > TEXT else "")
