"""The mailbox of one child name: two lanes, a bound, and counts that outlive every incarnation.

All of it happens on one event loop in one thread; nothing here may be called from another.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

from gevent.hub import Waiter
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from .errors import StopAsked, Undelivered
from .future import Future
from .timer import Timer

BOUND = 10_000  #: messages; a duty this far behind is better served by its newest ones

Letter = tuple[float, Any, Future | None]  #: put at (monotonic seconds), message, reply to


class Policy(Enum):
    """Which message a full mailbox gives up."""

    DROP_OLD = "drop_old"
    DROP_NEW = "drop_new"


class Mailbox:
    """FIFO for messages beside an unbounded urgent lane for the supervision's own.

    Closed until a supervisor opens it, and again after the child is gone for good. What is
    sent to a closed or full one is counted in ``dropped``; a dropped ask fails at once.
    """

    __slots__ = (
        "_bound",
        "_monotonic",
        "_policy",
        "_queue",
        "_urgent",
        "_waiter",
        "closed",
        "dropped",
        "handled",
        "handling_s",
        "idle",
        "name",
    )

    def __init__(self, name: str = "", monotonic: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.dropped = 0
        self.handled = 0  #: messages whose ``receive`` returned
        self.handling_s = 0.0  #: seconds spent on those
        self.idle = False  #: a reader waits for the next message
        self._monotonic = monotonic
        self._queue: deque[Letter] = deque()
        self._urgent: list[Letter] = []  #: rarely holds more than one; a deque takes 700 bytes
        self._waiter: Waiter | None = None
        self.closed = True
        self._bound = 0
        self._policy = Policy.DROP_OLD

    def open(self, bound: int = BOUND, policy: Policy = Policy.DROP_OLD) -> None:
        """Accept messages from now on.

        Raises:
            ValueError: it is open already, so two children share the name.
        """
        if not self.closed:
            raise ValueError(f"two children are named {self.name!r}")
        self.closed = False
        self._bound = bound
        self._policy = policy

    def close(self) -> None:
        """Accept nothing more; whoever still waits for an answer is told."""
        self.closed = True
        self._bound = 0
        while self._queue:
            self._lose(self._queue.popleft(), "stopped")
        self.clear_urgent()

    def deliver(self, message: Any, reply_to: Future | None = None) -> bool:
        """Queue *message* for the child; False if it is lost. Never blocks, never raises."""
        letter = (self._monotonic(), message, reply_to)
        if len(self._queue) >= self._bound and not self._make_room(letter):
            return False
        self._queue.append(letter)
        if self._waiter is not None:
            self._wake()
        return True

    def urge(self, message: Any, reply_to: Future | None = None) -> None:
        """Put *message* before everything in the ordinary lane."""
        if self.closed:
            _refuse(reply_to, f"{self.name}: stopped")
            return
        self._urgent.append((self._monotonic(), message, reply_to))
        if self._waiter is not None:
            self._wake()

    def take(self) -> Letter:
        """The next letter, urgent ones first; waits while there is none.

        Raises:
            StopAsked: it is closed, nothing will come any more.
        """
        while True:
            if self._urgent:
                return self._urgent.pop(0)
            if self._queue:
                return self._queue.popleft()
            if self.closed:
                raise StopAsked
            self._wait()

    def clear_urgent(self) -> None:
        """Forget control messages meant for an incarnation that is gone."""
        while self._urgent:
            _refuse(self._urgent.pop(0)[2], f"{self.name}: stopped")

    @property
    def depth(self) -> int:
        """Messages waiting in the ordinary lane."""
        return len(self._queue)

    def oldest_s(self) -> float:
        """Seconds the oldest waiting message has waited; 0 if there is none."""
        return self._monotonic() - self._queue[0][0] if self._queue else 0.0

    def queued(self) -> tuple[Any, ...]:
        """The waiting messages, oldest first; for tests of an actor without a supervisor."""
        return tuple(message for _, message, _ in self._queue)

    # pykka's ActorInbox, so that a plain ActorRef can tell, ask and stop.

    def put(self, envelope: Envelope[Any], /) -> None:
        """Accept what an ActorRef sends; its stop request takes the urgent lane."""
        lane = self.urge if isinstance(envelope.message, _ActorStop) else self.deliver
        lane(envelope.message, envelope.reply_to)  # type: ignore[arg-type]  # our actors create no other future

    def get(self) -> Envelope[Any]:
        """The next message in pykka's own wrapping."""
        _, message, reply_to = self.take()
        return Envelope(message, reply_to)

    def empty(self) -> bool:
        """Whether nothing waits in either lane."""
        return not (self._urgent or self._queue)

    def _wait(self) -> None:
        # A new waiter each time: the wake meant for a reader that was killed reaches nobody.
        # gevent's Event does the same with more; this is most of what an ask costs.
        waiter = self._waiter = Waiter()
        self.idle = True
        try:
            waiter.get()
        finally:
            self._waiter = None
            self.idle = False

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.hub.loop.run_callback(waiter.switch, None)

    def _make_room(self, letter: Letter) -> bool:
        if self.closed:
            self._lose(letter, "stopped or unknown")
            return False
        if self._policy is Policy.DROP_NEW:
            self._lose(letter, "mailbox full")
            return False
        self._lose(self._queue.popleft(), "mailbox full")
        return True

    def _lose(self, letter: Letter, why: str) -> None:
        _, message, reply_to = letter
        self.dropped += 1
        if isinstance(message, Timer):
            # Else the timer would wait for ever for a tick that nobody will take.
            message.pending = False
        _refuse(reply_to, f"{self.name}: {why}")


def _refuse(reply_to: Future | None, why: str) -> None:
    if reply_to is not None:
        reply_to.fail(Undelivered(why))
