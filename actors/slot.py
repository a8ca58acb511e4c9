"""A child's slot in its supervisor: what stays while incarnations come and go.

A slot knows how to launch, stop and kill; when to do so is the supervisor's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from pykka import ActorRegistry
from pykka.messages import _ActorStop

from .actor import Actor, Ending
from .address import Address
from .child import Child, Restart
from .errors import describe, kind_of, text_of
from .events import Crashed, Event, Killed, Stopped, Survived
from .health import ChildHealth, LastError, State
from .messages import ChildEnded, ChildStarted
from .place import Place, Surroundings
from .timer import Timer

KILL_S = 1.0  #: seconds a killed child has to unwind before it counts as a survivor
GROUP_KILL_S = 10.0  #: the same for a supervisor, which kills its children one after the other

Notify = Callable[[ChildStarted | ChildEnded], None]


class Slot:
    """One child of one supervisor."""

    __slots__ = (
        "_running_since",
        "_surroundings",
        "actor",
        "attempt",
        "child",
        "in_outage",
        "last_error",
        "mailbox",
        "name",
        "outages",
        "overdue",
        "parked",
        "position",
        "reason",
        "restarts",
        "retrying",
        "state",
        "stuck",
        "timer",
        "waiting",
    )

    def __init__(self, child: Child, surroundings: Surroundings) -> None:
        self.child = child
        self.name = child.name
        self.mailbox = surroundings.addresses.mailbox(child.name)
        self.position = 0  #: in the child list
        self.state = State.STOPPED
        self.waiting = False  #: to be launched as soon as the order of the list allows
        self.overdue = False  #: the incarnation was killed for not starting in time
        self.retrying = False  #: the next launch is a restart, not a start
        self.actor: Actor[Any] | None = None  #: the incarnation, until it is known to be dead
        self.timer: Timer | None = None  #: its start deadline or its next try
        self.attempt = 0  #: consecutive failures, for the delays
        self.restarts = 0
        self.outages = 0
        self.stuck = 0
        self.in_outage = False
        self.parked = False
        self.last_error: LastError | None = None
        self.reason = ""  #: the last error in one line
        self._surroundings = surroundings
        self._running_since = 0.0

    # -- life

    def launch(self, notify: Notify) -> None:
        """Build and start a new incarnation; *notify* hears of its start and of its end.

        Raises:
            Exception: the factory failed; nothing runs.
        """
        self.state = State.STARTING
        self.overdue = False
        actor = self.child.start()
        if actor.greenlet is not None:
            raise TypeError(f"the factory of {self.name} must build a new actor each time")
        self.mailbox.clear_urgent()
        actor.take_place(
            Place(
                name=self.name,
                address=Address(self.name, self.mailbox),
                mailbox=self.mailbox,
                surroundings=self._surroundings,
                acknowledge=lambda: notify(ChildStarted(self.name, actor)),
            )
        )
        ActorRegistry.register(actor.actor_ref)
        self.actor = actor
        greenlet = actor.launch()
        # The only hook that fires for every kind of death, even a kill before the first step.
        greenlet.link(lambda g: notify(ChildEnded(self.name, actor, _ending(g))))

    def running(self) -> None:
        """Note that the incarnation has started."""
        self.cancel_timer()
        self.state = State.RUNNING
        self._running_since = self._surroundings.clock.monotonic()

    def ended(self, state: State) -> None:
        """Note that the incarnation is dead."""
        self.cancel_timer()
        self.state = state
        if self.actor is not None:
            # The loop does so itself, unless it was killed before its first step.
            ActorRegistry.unregister(self.actor.actor_ref)
            self.actor = None

    def retire(self, grace_s: float | None) -> Event | None:
        """Stop the incarnation and wait for its end: by request, after *grace_s* by force.

        Args:
            grace_s: None waits for as long as it takes.

        Returns:
            What became of it; None if nothing was running.
        """
        self.cancel_timer()
        self.retrying = False
        actor = self.actor
        if actor is None or actor.greenlet is None:
            self.state = State.STOPPED
            return None
        greenlet = actor.greenlet
        self.mailbox.urge(_ActorStop())
        greenlet.join(grace_s)
        killed = not greenlet.dead
        if killed:
            greenlet.kill(timeout=GROUP_KILL_S if self.is_supervisor() else KILL_S)
        if not greenlet.dead:
            self.state = State.STUCK
            actor.cut_off()
            return Survived(self.name)
        self.ended(State.STOPPED)
        ending = _ending(greenlet)
        if killed:
            return Killed(self.name, f"no end within {grace_s or 0:g} s")
        return Stopped(self.name) if ending.cause is None else self.blame(ending)

    def kill(self, reason: BaseException) -> None:
        """Throw *reason* into the incarnation; does not wait."""
        if self.actor is not None and self.actor.greenlet is not None:
            self.actor.greenlet.kill(reason, block=False)

    def cancel_timer(self) -> None:
        """Forget the start deadline or the next try."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    # -- records

    def blame(self, ending: Ending) -> Crashed:
        """Keep *ending* as the last error; return the event it makes unless it is an outage."""
        self.reason = describe(ending.cause)
        self.last_error = LastError(
            type=kind_of(ending.cause),
            message=text_of(ending.cause),
            at_ms=self._surroundings.clock.utc_ms(),
            traceback=ending.traceback,
        )
        return Crashed(self.name, self.reason, ending.traceback)

    def is_supervisor(self) -> bool:
        """Whether the incarnation's children bound it in time, rather than its own deadlines."""
        return self.actor is not None and self.actor.bounded_by_children

    def grace_s(self) -> float | None:
        """Seconds it has to stop when asked; None: as long as its children have."""
        return None if self.is_supervisor() else self.child.stop_s

    def is_live(self) -> bool:
        """Whether it runs or is about to: neither over, nor held back for a sibling."""
        return self.state not in (State.STOPPED, State.FAILED)

    def is_healthy(self) -> bool:
        """Whether it has been up long enough for old troubles to be forgotten."""
        return self.state is State.RUNNING and self._uptime_s() >= self.child.backoff.healthy_s

    def forgive(self) -> None:
        """Forget old troubles."""
        self.attempt = 0
        self.in_outage = False
        self.parked = False

    def overstayed_s(self) -> float | None:
        """Seconds with the message at hand if that is too long, else None."""
        if self.actor is None or self.state not in (State.RUNNING, State.STUCK):
            return None
        if self.actor.bounded_by_children:  # stopping some of them may take long
            return None
        busy_s = self.actor.busy_s()
        return busy_s if busy_s > self.child.stuck_s else None

    def health(self) -> ChildHealth:
        """A plain read of everything known."""
        actor, mailbox = self.actor, self.mailbox
        return ChildHealth(
            name=self.name,
            state=self.state,
            critical=not self.child.parkable and not self._is_done(),
            restarts=self.restarts,
            outages=self.outages,
            stuck=self.stuck,
            last_error=self.last_error,
            depth=mailbox.depth,
            oldest_s=mailbox.oldest_s(),
            dropped=mailbox.dropped,
            handled=mailbox.handled,
            busy_s=actor.busy_s() if actor is not None else 0.0,
            uptime_s=self._uptime_s(),
            detail=_detail(actor),
            children=actor.children_health() if actor is not None else (),
        )

    def _is_done(self) -> bool:
        return self.state is State.STOPPED and self.child.restart is not Restart.PERMANENT

    def _uptime_s(self) -> float:
        if self.state not in (State.RUNNING, State.STUCK):
            return 0.0
        return self._surroundings.clock.monotonic() - self._running_since


def _ending(greenlet: gevent.Greenlet) -> Ending:
    """How a dead greenlet ended. A killed one counts as successful, with an exception as value."""
    value = greenlet.value
    if isinstance(value, Ending):
        return value
    return Ending(value if isinstance(value, BaseException) else greenlet.exception)


def _detail(actor: Actor[Any] | None) -> dict[str, object]:
    if actor is None:
        return {}
    try:
        return dict(actor.detail())
    except Exception as exc:  # a health page must answer whatever one duty's detail does
        return {"error": describe(exc)}
