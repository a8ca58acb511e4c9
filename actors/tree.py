"""A running supervision tree, as the process that owns it sees it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gevent
import structlog
from gevent.event import Event as Flag

from .address import ASK_S, Address, Addresses
from .backoff import Intensity
from .child import ONE_FOR_ONE, Child, Strategy
from .errors import BootFailed, Escalated, describe
from .events import Event, Killed, Started, Survived, log_event
from .health import Health, State
from .looplag import LoopLag
from .messages import ChildEnded, ChildStarted, RestartAsked
from .place import Surroundings
from .slot import KILL_S, Slot
from .supervisor import Supervisor
from .timer import SYSTEM_CLOCK, Clock

_log = structlog.get_logger(__name__)

EXIT_CODE = 70  #: of a process whose root supervisor gave up (EX_SOFTWARE of sysexits.h)
STOP_S = 30.0  #: seconds for the whole tree to stop; container runtimes send SIGKILL after that
KEPT_EVENTS = 1024  #: events nobody has read yet; older ones are forgotten


@dataclass(frozen=True, slots=True)
class StopReport:
    """How a tree stopped."""

    took_s: float
    killed: tuple[str, ...] = ()  #: children that did not stop in time
    survived: tuple[str, ...] = ()  #: children that did not even end when killed

    @property
    def clean(self) -> bool:
        """Every child stopped by itself in time."""
        return not self.killed and not self.survived


class Tree:
    """The root supervisor and what belongs to it. Made by ``Tree.start``."""

    def __init__(
        self,
        root: Child,
        *,
        addresses: Addresses,
        outages: tuple[type[Exception], ...],
        on_event: Callable[[Event], None] | None,
        clock: Clock,
    ) -> None:
        self.name = root.name
        self._addresses = addresses
        self._on_event = on_event
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._happened = Flag()
        self._overstayed: deque[Killed | Survived] = deque(maxlen=KEPT_EVENTS)
        self._settled = Flag()  #: the boot is over, well or badly
        self._ended = Flag()
        self._cause: BaseException | None = None
        self._lag = LoopLag(clock)
        surroundings = Surroundings(addresses, clock, self._lag, outages, self._emit)
        self._slot = Slot(root, surroundings)

    @classmethod
    def start(
        cls,
        children: Sequence[Child],
        *,
        name: str,
        addresses: Addresses,
        strategy: Strategy = ONE_FOR_ONE,
        intensity: Intensity | None = None,
        outages: tuple[type[Exception], ...] = (),
        on_event: Callable[[Event], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> Tree:
        """Start *children* in order under a root supervisor called *name*.

        Args:
            addresses: the names the factories of *children* close over.
            intensity: of the root; by default 5 crashes in 10 s.
            outages: exceptions that mean something outside is away (``store.outage.OUTAGES``).
            on_event: called with every event, in order; must not block.
            clock: real time; tests pass their own.

        Raises:
            BootFailed: a child crashed instead of starting; all others are stopped again.
        """

        def root() -> Supervisor:
            return Supervisor(children, strategy=strategy, intensity=intensity)

        tree = cls(
            Child(name, root),
            addresses=addresses,
            outages=outages,
            on_event=on_event,
            clock=clock,
        )
        tree._boot()
        return tree

    def address(self, name: str) -> Address[Any]:
        """The address of child *name*."""
        return self._addresses.of(name)

    def tell(self, name: str, message: object) -> None:
        """Send *message* to child *name*."""
        self.address(name).tell(message)

    def ask(self, name: str, message: object, timeout_s: float = ASK_S) -> Any:
        """Send *message* to child *name* and wait for its answer, as ``Address.ask``."""
        return self.address(name).ask(message, timeout_s)

    def restart(self, name: str, by: str) -> bool:
        """Have child *name* stopped and started again; False if there is no such child.

        It is also how a parked child, or one that was not to be restarted, is tried at once.

        Args:
            by: who wants it, for the log.
        """
        root = self._slot.actor
        owner = root.supervisor_of(name) if isinstance(root, Supervisor) else None
        return owner is not None and owner.me.tell(RestartAsked(name, by))

    def next_event(self, timeout: float = 1.0) -> Event:
        """The oldest event since the boot that has not been read; waits for one.

        Raises:
            TimeoutError: nothing happened for *timeout* seconds.
        """
        while not self._events:
            self._happened.clear()
            if not self._happened.wait(timeout):
                raise TimeoutError(f"no event within {timeout} s")
        return self._events.popleft()

    def snapshot(self) -> Health:
        """The health of everything; a plain read that answers whatever the tree is busy with."""
        root = self._slot.health()
        return Health(
            name=self.name,
            state=root.state,
            uptime_s=root.uptime_s,
            loop_lag_ms=self._lag.worst_ms(),
            loop_stuck=self._lag.stuck(),
            undelivered=self._addresses.undelivered(),
            children=root.children,
        )

    def stop(self, timeout_s: float = STOP_S) -> StopReport:
        """Stop all children in reverse order, each within its deadline, all within *timeout_s*."""
        began = self._clock.monotonic()
        self._overstayed.clear()
        event = self._slot.retire(timeout_s)
        if event is not None:
            self._emit(event)
        self._ended.wait(KILL_S)
        return StopReport(
            took_s=self._clock.monotonic() - began,
            killed=tuple(e.name for e in self._overstayed if isinstance(e, Killed)),
            survived=tuple(e.name for e in self._overstayed if isinstance(e, Survived)),
        )

    def wait(self) -> None:
        """Return when the tree has been stopped.

        Raises:
            Escalated: it ended in any other way; exit with ``EXIT_CODE``.
        """
        self._ended.wait()
        if isinstance(self._cause, Escalated):
            raise self._cause
        if self._cause is not None:
            raise Escalated(f"the root ended: {describe(self._cause)}") from self._cause

    # -- the root's own supervision

    def _boot(self) -> None:
        self._slot.mailbox.open()
        self._slot.launch(self._root_reports)
        try:
            self._settled.wait()
        except BaseException:  # the caller was interrupted: leave nothing running
            self.stop()
            raise
        if self._ended.is_set():
            if isinstance(self._cause, BootFailed):
                raise self._cause
            raise BootFailed(f"{self.name}: {describe(self._cause)}") from self._cause
        self._events.clear()

    def _root_reports(self, report: ChildStarted | ChildEnded) -> None:
        match report:
            case ChildStarted():
                self._emit(Started(self.name))
                self._slot.running()
                self._settled.set()
            case ChildEnded(_, _, ending):
                # This one comes from the event loop, which must not run other people's code.
                gevent.spawn(self._root_ended, ending.cause)

    def _root_ended(self, cause: BaseException | None) -> None:
        self._cause = cause
        self._slot.ended(State.FAILED if cause is not None else State.STOPPED)
        self._slot.mailbox.close()
        self._lag.stop()
        self._ended.set()
        self._settled.set()

    def _emit(self, event: Event) -> None:
        log_event(event)
        self._events.append(event)
        self._happened.set()
        if isinstance(event, Killed | Survived):
            self._overstayed.append(event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:  # an observer's bug must not end what it observes
                _log.exception("on_event failed")
