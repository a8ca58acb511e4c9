"""The base of all actors: pykka's Actor on a gevent greenlet, with a loop a supervisor can trust.

pykka gives the shape (an inbox, a future, a loop to start) and its own ``ThreadingActor`` fills
it for threads. The loop here differs where supervision needs it to. Every way to end, from a
crash in a tell or an ask to a kill while idle, ends this actor and no other, and is handed to
the supervisor as the greenlet's value. A stop request passes the backlog. A full mailbox yields
to the event loop. Timers never have more than one message waiting.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import gevent
import pykka
import structlog
from pykka.messages import _ActorStop

from .address import Address
from .errors import LinkEnded, StopAsked, Undelivered, describe
from .future import Future
from .health import ChildHealth
from .loop import Ending, Loop, crash, ending_of
from .mailbox import Letter, Mailbox
from .messages import ChildEnded, ChildStarted
from .place import Place
from .timer import SYSTEM_CLOCK, Timer

M = TypeVar("M")

#: Seconds an actor works on a backlog before it lets the event loop turn.
SLICE_S = 0.002
#: A sleep of zero would let only other ready greenlets in, and starve timers and sockets.
YIELD_S = 1e-6
#: Seconds a killed reader has to clean up before its owner's successor starts.
LINK_STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A linked reader's end, sent to its owner in the urgent lane."""

    cause: BaseException | None


class Actor(pykka.Actor, Generic[M]):
    """One duty: ``started`` builds its state, ``receive`` handles one message at a time.

    ``__init__`` only stores its arguments (and calls ``super().__init__()``): it runs in the
    supervisor. Without a supervisor, as in a unit test, ``started`` and ``receive`` may be
    called directly; ``every``, ``after`` and ``link`` then only record, see ``timers`` and
    ``links``, and ``me`` leads to a mailbox nobody empties.
    """

    bounded_by_children: ClassVar[bool] = False  #: a supervisor; see there
    name: str = ""  #: the child name; set by the supervisor
    actor_inbox: Mailbox
    greenlet: gevent.Greenlet | None = None  #: set when the loop starts

    def __init__(self) -> None:
        super().__init__()
        # Mangled, for a duty may well have a `_place` or a `_monotonic` of its own.
        self.links: list[Callable[[], None]] = []
        self.__timers: dict[Timer, None] = {}
        self.__readers: list[gevent.Greenlet] = []
        self.__place: Place | None = None
        self.__monotonic = SYSTEM_CLOCK.monotonic
        self.__busy_since = 0.0

    # -- for subclasses to define

    def started(self) -> None:
        """Build or rebuild all state from the stores; what it raises counts as a crash."""

    @abstractmethod
    def receive(self, message: M) -> object:
        """Handle one message; the return value answers an ask."""

    def stopped(self) -> None:
        """Clean up after an orderly stop; not called after a crash."""

    def detail(self) -> Mapping[str, object]:
        """Duty-specific facts for the health page, from plain attributes; must not block."""
        return {}

    # -- for subclasses to use

    @property
    def me(self) -> Address[M]:
        """The own address, for messages to oneself and for others to answer to."""
        return Address(self.name, self.__place.mailbox if self.__place else self.actor_inbox)

    @property
    def timers(self) -> tuple[Timer, ...]:
        """The timers that are still to fire, oldest first."""
        return tuple(self.__timers)

    def every(self, interval_s: float, message: M, first_s: float | None = None) -> Timer:
        """Receive *message* every *interval_s* real seconds; a late actor skips, never queues.

        The first comes after *first_s*, or after one interval.
        """
        if interval_s <= 0:
            raise ValueError(f"an interval must be positive, not {interval_s}")
        timer = Timer(interval_s, message, repeats=True, shelf=self.__timers, first_s=first_s)
        return self.__arm(timer)

    def after(self, delay_s: float, message: M) -> Timer:
        """Receive *message* once, after *delay_s* real seconds."""
        return self.__arm(Timer(delay_s, message, repeats=False, shelf=self.__timers))

    def link(self, run: Callable[[], None]) -> None:
        """Run an endless reader beside the actor. Its end crashes the actor; it dies with it.

        *run* may block as long as it likes, and should do nothing but read and tell ``me``.
        """
        self.links.append(run)
        if self.__place is not None:
            self.__readers.append(gevent.spawn(self.__read, run))

    # -- for the supervisor

    def take_place(self, place: Place) -> None:
        """Become child *place.name*: read its mailbox, tell the supervisor when started.

        Raises:
            TypeError: the subclass's ``__init__`` forgot ``super().__init__()``.
        """
        if not hasattr(self, "_Actor__timers"):
            raise TypeError(f"{type(self).__name__}.__init__ must call super().__init__()")
        self.name = place.name
        self.actor_inbox = place.mailbox
        self._actor_ref = pykka.ActorRef(self)  # the one made before held the old inbox
        self.__place = place
        self.__monotonic = place.surroundings.clock.monotonic

    def launch(self) -> gevent.Greenlet:
        """Start the loop; the greenlet returned ends with an ``Ending`` as its value."""
        self.__busy_since = self.__monotonic()
        self.greenlet = Loop.spawn(self.__live)
        # The only hook that fires for every kind of death, even a kill before the first step.
        self.greenlet.link(self.__report_end)
        return self.greenlet

    def busy_s(self) -> float:
        """Seconds spent with the current message so far; 0 while idle."""
        return 0.0 if self.actor_inbox.idle else self.__monotonic() - self.__busy_since

    def cut_off(self) -> None:
        """Leave an actor that outlived its kill without a mailbox; it ends if it ever looks.

        Else it would take the messages of its successor.
        """
        self.actor_inbox = Mailbox(self.name)

    def children_health(self) -> tuple[ChildHealth, ...]:
        """What is below this actor; only a supervisor has anything there."""
        return ()

    # -- pykka's extension points

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        mailbox = Mailbox()
        mailbox.open()
        return mailbox

    @staticmethod
    def _create_future() -> Future:
        return Future()

    def _start_actor_loop(self) -> None:
        self.launch()

    # -- the loop

    def __live(self) -> Ending:
        structlog.contextvars.bind_contextvars(child=self.name)
        ending = self.__work()
        self.actor_stopped.set()
        try:
            self.wind_down(ending.cause)
        except BaseException as exc:
            ending = ending if ending.cause else crash(exc)
        pykka.ActorRegistry.unregister(self.actor_ref)
        if isinstance(ending.cause, KeyboardInterrupt):
            raise ending.cause  # the operator's, not ours: gevent takes it to the main greenlet
        return ending

    def __work(self) -> Ending:
        """Start, serve and stop; return what ended it."""
        try:
            try:
                self.started()
                if self.__place is not None:
                    self.__place.notify(ChildStarted(self.__place.name, self))
                self.__serve()
            except StopAsked:
                self.stopped()
        except BaseException as exc:
            return crash(exc)
        return Ending()

    def __report_end(self, greenlet: gevent.Greenlet) -> None:
        if (place := self.__place) is not None:
            place.notify(ChildEnded(place.name, self, ending_of(greenlet)))

    def __serve(self) -> None:
        """Handle letters until an exception ends it."""
        slice_ends = 0.0
        while True:
            # Yield between letters: a kill that arrives here loses none.
            if self.__busy_since >= slice_ends and self.actor_inbox.depth:
                gevent.sleep(YIELD_S)
                slice_ends = self.__monotonic() + SLICE_S
            self.serve_one(self.actor_inbox.take())

    def serve_one(self, letter: Letter) -> None:
        """Handle one letter; what it raises ends the actor."""
        _, message, reply_to = letter
        self.__busy_since = self.__monotonic()
        try:
            if message.__class__ in _CONTROL:
                message = _open(message)  # type: ignore[arg-type]  # one of _CONTROL
                if message is None:
                    return
            answer = self.receive(message)
        except StopAsked:
            if reply_to is not None:
                reply_to.set(None)
            raise
        except BaseException as exc:
            if reply_to is not None:
                reply_to.fail(_for_asker(exc, self.name))
            raise
        mailbox = self.actor_inbox
        mailbox.handled += 1
        mailbox.handling_s += self.__monotonic() - self.__busy_since
        if reply_to is not None:
            reply_to.set(answer)

    def wind_down(self, cause: BaseException | None) -> None:
        """Take along what lives only with this incarnation."""
        for timer in self.timers:
            timer.cancel()
        if self.__readers:
            gevent.killall(self.__readers, timeout=LINK_STOP_S)

    # -- details

    def __arm(self, timer: Timer) -> Timer:
        if self.__place is not None:
            timer.arm(self.__place.surroundings.clock, self.post)
        return timer

    def post(self, timer: Timer) -> None:
        """Put a timer that is due into the mailbox; from the event loop."""
        self.actor_inbox.deliver(timer)

    def __read(self, run: Callable[[], None]) -> None:
        structlog.contextvars.bind_contextvars(child=self.name)
        cause: BaseException | None = None
        try:
            run()
        except BaseException as exc:
            cause = exc
        # A successor may read this mailbox by now; it is none of its business.
        if not self.actor_stopped.is_set():
            self.actor_inbox.urge(LinkDown(cause))


#: Letters that are the loop's business and not the subclass's.
_CONTROL = frozenset({Timer, LinkDown, _ActorStop})


def _open(control: Timer | LinkDown | _ActorStop) -> Any:
    """What a control letter means: a timer's message, None for nothing, or the end."""
    match control:
        case Timer():
            return control.take()
        case LinkDown(None):
            raise LinkEnded("a linked reader returned")
        case LinkDown(cause):
            raise cause if isinstance(cause, Exception) else LinkEnded(repr(cause))
        case _:
            raise StopAsked


def _for_asker(cause: BaseException, name: str) -> Exception:
    """What the asker gets: the same exception, but never one that would end *its* greenlet."""
    return cause if isinstance(cause, Exception) else Undelivered(f"{name}: {describe(cause)}")
