"""What a supervisor gives an actor it starts: a name, an address, and what its tree shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .address import Addresses
from .events import Event
from .looplag import LoopLag
from .mailbox import Mailbox
from .messages import ChildEnded, ChildStarted
from .record import Records
from .timer import Clock

Notify = Callable[[ChildStarted | ChildEnded], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all actors of one tree share."""

    addresses: Addresses
    clock: Clock
    lag: LoopLag
    outages: tuple[type[Exception], ...]  #: exceptions to wait out; they are nobody's bug
    emit: Callable[[Event], None]
    records: Records = field(default_factory=Records)


@dataclass(frozen=True, slots=True)
class Place:
    """One incarnation's place in the tree."""

    name: str
    mailbox: Mailbox
    surroundings: Surroundings
    notify: Notify  #: told when ``started`` has returned and, from the event loop, of the end
