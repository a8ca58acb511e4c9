"""The three that bench/actors.py compares; each counts its messages and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gevent
import pykka
from gevent.event import AsyncResult
from gevent.queue import SimpleQueue
from touchline.actors.actor import Actor
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.tree import Tree

BACKLOG = 300_000  #: messages; the most that ever wait


@dataclass(frozen=True, slots=True)
class Counted:
    """The message. One instance is sent over and over, so no variant pays for making it."""


MESSAGE = Counted()


class Peer(NamedTuple):
    """One running actor, or what stands for it."""

    tell: Callable[[Counted], object]
    ask: Callable[[float], int]  #: messages handled so far; waits for so many seconds


class OurCounter(Actor[Counted]):
    count = 0

    def receive(self, message: Counted) -> int:
        self.count += 1
        return self.count


class StockCounter(pykka.ThreadingActor):
    count = 0

    def on_receive(self, message: Counted) -> int:
        self.count += 1
        return self.count


class BareCounter:
    """A queue and the greenlet that reads it: what every actor on gevent has at least."""

    def __init__(self) -> None:
        self.count = 0
        self.queue: Any = SimpleQueue()
        self.greenlet = gevent.spawn(self._run)

    def ask(self, timeout_s: float) -> int:
        answer = AsyncResult()
        self.queue.put(answer)
        return int(answer.get(timeout=timeout_s))

    def _run(self) -> None:
        while True:
            item = self.queue.get()
            self.count += 1
            if item.__class__ is AsyncResult:
                item.set(self.count)


@contextmanager
def ours(actors: int) -> Iterator[Iterator[Peer]]:
    names = [f"counter-{number}" for number in range(actors)]
    # No bound that this load reaches: a message dropped would be one not handled.
    children = [Child(name, OurCounter, bound=2 * BACKLOG) for name in names]
    tree = Tree.start(children, name="bench", addresses=Addresses())
    yield (
        Peer(address.tell, partial(address.ask, MESSAGE)) for address in map(tree.address, names)
    )
    tree.stop()


@contextmanager
def stock(actors: int) -> Iterator[Iterator[Peer]]:
    refs = [StockCounter.start() for _ in range(actors)]
    yield (
        Peer(ref.tell, lambda timeout_s, ref=ref: ref.ask(MESSAGE, timeout=timeout_s))
        for ref in refs
    )
    for ref in refs:
        ref.stop()


@contextmanager
def bare(actors: int) -> Iterator[Iterator[Peer]]:
    counters = [BareCounter() for _ in range(actors)]
    yield (Peer(counter.queue.put, counter.ask) for counter in counters)
    gevent.killall([counter.greenlet for counter in counters])


VARIANTS = {"ours": ours, "stock": stock, "bare": bare}
