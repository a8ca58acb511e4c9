"""What a supervisor gives an actor it starts: a name, an address, and what its tree shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .address import Address, Addresses
from .events import Event
from .mailbox import Mailbox
from .record import Past
from .timer import Clock


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all actors of one tree share."""

    addresses: Addresses
    clock: Clock
    outages: tuple[type[Exception], ...]  #: exceptions to wait out; they are nobody's bug
    emit: Callable[[Event], None]
    past: Past = field(default_factory=Past)


@dataclass(frozen=True, slots=True)
class Place:
    """One incarnation's place in the tree."""

    name: str
    address: Address[Any]
    mailbox: Mailbox
    surroundings: Surroundings
    acknowledge: Callable[[], None]  #: to be called once, when ``started`` has returned
