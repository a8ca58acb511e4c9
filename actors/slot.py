"""A child's slot in its supervisor: what stays while incarnations come and go.

A slot knows how to launch, stop and kill; when to do so is the supervisor's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pykka import ActorRegistry
from pykka.messages import _ActorStop

from .actor import Actor
from .child import Child, Restart
from .errors import Stuck, describe
from .events import Crashed, Event, Killed, Stopped, Survived
from .health import ChildHealth, State
from .loop import Ending, ending_of
from .place import Notify, Place, Surroundings
from .timer import Timer

KILL_S = 1.0  #: seconds a killed child has to unwind before it counts as a survivor
GROUP_KILL_S = 10.0  #: the same for a supervisor, which kills its children one after the other


class Slot:
    """One child of one supervisor."""

    __slots__ = (
        "_running_since",
        "_surroundings",
        "actor",
        "child",
        "mailbox",
        "name",
        "overdue",
        "position",
        "record",
        "retrying",
        "state",
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
        self.record = surroundings.records.of(child.name)
        self.record.begin()
        self._surroundings = surroundings
        self._running_since = 0.0

    # -- life

    def open(self) -> None:
        """Accept messages for the child.

        Raises:
            ValueError: another child has the name.
        """
        self.mailbox.open(self.child.bound, self.child.policy)

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
        actor.take_place(Place(self.name, self.mailbox, self._surroundings, notify))
        ActorRegistry.register(actor.actor_ref)
        self.actor = actor
        actor.launch()

    def running(self) -> None:
        """Note that the incarnation has started."""
        self.cancel_timer()
        self.state = State.RUNNING
        self.record.been_up = True
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
        ending = ending_of(greenlet)
        if killed:
            return Killed(self.name, f"no end within {grace_s or 0:g} s")
        return Stopped(self.name) if ending.cause is None else self.blame(ending)

    def close(
        self, kill: BaseException | None, emit: Callable[[Event], None]
    ) -> BaseException | None:
        """Retire for good, at once after a *kill* of the supervisor; return the latest kill.

        Kills may come at any moment and more than one: whatever happens, no incarnation and no
        open mailbox is left behind, for that would keep the next supervisor from starting.
        """
        while True:
            try:
                event = self.retire(0.0 if kill is not None else self.grace_s())
            except BaseException as another:
                if isinstance(another, Exception):
                    raise
                kill = another
                continue
            self.mailbox.close()
            if event is not None:
                emit(event)
            return kill

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
        at_ms = self._surroundings.clock.utc_ms()
        self.record.blame(ending.cause, ending.traceback, at_ms)
        return Crashed(self.name, self.record.reason, ending.traceback)

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

    def next_delay_s(self, chance: float) -> float:
        """Seconds until the next try, which is counted here; *chance* in [0, 1) spreads it."""
        backoff, attempt = self.child.backoff, self.record.attempt
        self.record.attempt += 1
        parked = self.state is State.PARKED
        return backoff.longest_s(chance) if parked else backoff.delay_s(attempt, chance)

    def kill_if_stuck(self) -> Killed | None:
        """Kill an incarnation that has taken too long over one message; the event is new once."""
        busy_s = self._overstayed_s()
        if busy_s is None:
            return None
        reason = f"busy with one message for {busy_s:.1f} s"
        self.kill(Stuck(reason))  # at every look, for it may have swallowed the one before
        if self.state is State.STUCK:
            return None
        self.state = State.STUCK
        self.record.stuck += 1
        return Killed(self.name, reason)

    def turning_s(self) -> float:
        """Seconds that the event loop has turned without a standstill."""
        return self._surroundings.lag.turning_s()

    def _overstayed_s(self) -> float | None:
        """Seconds with the message at hand if that is too long, else None."""
        if self.actor is None or self.state not in (State.RUNNING, State.STUCK):
            return None
        if self.actor.bounded_by_children:  # stopping some of them may take long
            return None
        busy_s = min(self.actor.busy_s(), self.turning_s())
        return busy_s if busy_s > self.child.stuck_s else None

    def health(self) -> ChildHealth:
        """A plain read of everything known."""
        actor, mailbox, record = self.actor, self.mailbox, self.record
        return ChildHealth(
            name=self.name,
            state=self.state,
            critical=not self.child.parkable and not self._is_done(),
            been_up=record.been_up,
            restarts=record.restarts,
            outages=record.outages,
            stuck=record.stuck,
            ends=record.ends,
            troubled_since_ms=record.troubled_since_ms,
            last_error=record.last_error,
            depth=mailbox.depth,
            oldest_s=mailbox.oldest_s(),
            dropped=mailbox.dropped,
            handled=mailbox.handled,
            handling_s=mailbox.handling_s,
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


def _detail(actor: Actor[Any] | None) -> dict[str, object]:
    if actor is None:
        return {}
    try:
        return dict(actor.detail())
    except Exception as exc:  # a health page must answer whatever one duty's detail does
        return {"error": describe(exc)}
