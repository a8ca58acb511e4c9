"""The supervisor: starts its children in order, restarts what crashed, waits out what is away.

It is an actor like its children and never waits for one to start: starting is a launch, and
later a ``ChildStarted`` or a ``ChildEnded``. So one hanging child delays neither the restart of
another nor a stop, and the boot is the same code as every restart.

What ends a child is one of three things. An *outage* (a store or a feed is away) is waited out
for as long as it takes. A *crash* is a bug: the child is restarted after a growing delay, and
too many of them end the supervisor itself, which its own parent sees as a crash; at the root
that ends the process. An *orderly end* matters only to a child that is meant to be permanent.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, assert_never

import gevent

from .actor import Actor
from .backoff import CrashBudget, Intensity
from .child import ONE_FOR_ONE, Child, Restart, Strategy
from .errors import BootFailed, Escalated, HungStart
from .events import (
    BackedOff,
    Event,
    GaveUp,
    Killed,
    Parked,
    Recovered,
    Restarted,
    RestartOrdered,
    Started,
    Stopped,
    Survived,
)
from .health import ChildHealth, State
from .loop import Ending, crash
from .messages import (
    ChildEnded,
    ChildStarted,
    RestartAsked,
    RestartDue,
    StartOverdue,
    SupervisorMessage,
    WatchDue,
)
from .order import LaunchOrder
from .place import Place
from .record import Why
from .slot import KILL_S, Slot
from .timer import Timer

WATCH_S = 1.0  #: seconds between two looks for stuck and for recovered children


class Supervisor(Actor[SupervisorMessage]):
    """Duty: its children run. Reads and writes nothing else, holds no lease.

    While it is down so are its children; its parent restarts it, and with it all of them.
    Outages, clock, addresses and the event sink are its tree's, see ``Tree.start``. As a child
    it has no deadlines of its own: those of its children bound it.
    """

    bounded_by_children = True

    def __init__(
        self,
        children: Sequence[Child],
        *,
        strategy: Strategy = ONE_FOR_ONE,
        intensity: Intensity | None = None,
    ) -> None:
        super().__init__()
        self.children = tuple(children)  #: as listed, whether or not they run
        self._order = LaunchOrder(strategy)
        self._budget = CrashBudget(intensity or Intensity())
        self._latest: Slot | None = None  #: the child launched last
        self._booted = False

    def take_place(self, place: Place) -> None:
        super().take_place(place)
        self._surroundings = place.surroundings
        self._emit = place.surroundings.emit

    def started(self) -> None:
        """Start all children, each when the one before it has started.

        Raises:
            BootFailed: one of them crashed instead; those before it are stopped again. (One
                that met an outage backs off, and the boot goes on.)
        """
        for child in self.children:
            slot = Slot(child, self._surroundings)
            slot.open()
            self._order.append(slot)
        self._launch_waiting()
        while self._is_boot_busy():
            self.serve_one(self.actor_inbox.take())
        self._booted = True
        self.every(WATCH_S, WatchDue())

    def receive(self, message: SupervisorMessage) -> None:
        match message:
            case ChildStarted(name, actor):
                self._child_started(self._order[name], actor)
            case ChildEnded(name, actor, ending):
                self._child_ended(self._order[name], actor, ending)
            case StartOverdue(name):
                self._start_overdue(self._order[name])
            case RestartDue(name):
                self._order[name].retrying = True
                self._order.enlist(self._order[name])
            case RestartAsked(name, by):
                self._restart_asked(self._order[name], by)
            case WatchDue():
                for slot in self._order:
                    self._watch(slot)
            case _:
                assert_never(message)
        self._launch_waiting()  # whatever happened, it may be somebody's turn now

    def children_health(self) -> tuple[ChildHealth, ...]:
        return tuple(slot.health() for slot in self._order)

    def supervisor_of(self, name: str) -> Supervisor | None:
        """Whose child *name* is, here or below; a plain read."""
        if name in self._order:
            return self
        groups = (slot.actor for slot in self._order if isinstance(slot.actor, Supervisor))
        return next((found for group in groups if (found := group.supervisor_of(name))), None)

    # -- starting

    def _launch_waiting(self) -> None:
        while not self._is_boot_busy() and (slot := self._order.next()) is not None:
            self._launch(slot)

    def _is_boot_busy(self) -> bool:
        """Whether the boot waits for the child launched last; later nobody waits for a start."""
        if self._booted or self._latest is None:
            return False
        return self._latest.state is State.STARTING

    def _launch(self, slot: Slot) -> None:
        self._latest = slot
        try:
            slot.launch(self.actor_inbox.urge)
        # The factory's or a constructor's: a crash like any other, leaked timeouts included.
        except (Exception, gevent.Timeout) as exc:
            self._ended(slot, crash(exc))
        else:
            if not slot.is_supervisor():
                slot.timer = self.after(slot.child.start_s, StartOverdue(slot.name))

    def _child_started(self, slot: Slot, actor: Actor[Any]) -> None:
        if slot.actor is not actor:
            return
        if slot.retrying:
            self._emit(Restarted(slot.name, slot.record.restarts, slot.record.in_outage))
        else:
            self._emit(Started(slot.name))
        slot.running()

    def _start_overdue(self, slot: Slot) -> None:
        reason = f"no start within {slot.child.start_s:g} s"
        if not slot.overdue:
            if slot.turning_s() < slot.child.start_s:  # we stood still: its time begins anew
                slot.timer = self.after(slot.child.start_s, StartOverdue(slot.name))
                return
            slot.overdue = True
            self._emit(Killed(slot.name, reason))
            slot.kill(HungStart(reason))
            slot.timer = self.after(KILL_S, StartOverdue(slot.name))
            return
        slot.state = State.STUCK
        self._emit(Survived(slot.name))
        if not self._booted:
            raise BootFailed(f"{slot.name} did not start: {reason}, and does not end")

    # -- ends

    def _child_ended(self, slot: Slot, actor: Actor[Any], ending: Ending) -> None:
        if slot.actor is not actor:  # it was retired, and has been accounted for
            return
        if slot.waiting:  # retired as well, but it outlived its kill until now
            slot.ended(State.STOPPED)
        else:
            self._ended(slot, ending)

    def _ended(self, slot: Slot, ending: Ending) -> None:
        """Judge an end nobody asked for."""
        starting = slot.state is State.STARTING
        slot.ended(State.STOPPED if ending.cause is None else State.FAILED)
        again = slot.child.restarts_after(ending.cause)
        if ending.cause is None and not again:
            self._over(slot, Stopped(slot.name))
            return
        crashed = slot.blame(ending)
        if again and isinstance(ending.cause, self._surroundings.outages):
            self._wait_out(slot)
        elif starting and not self._booted:
            raise BootFailed(f"{slot.name} did not start: {slot.record.reason}") from ending.cause
        elif again:
            slot.record.meet_crash(ending.cause)
            self._emit(crashed)
            self._restart_later(slot)
        else:
            self._over(slot, crashed)

    def _wait_out(self, slot: Slot) -> None:
        """Back off from an outage; it never counts."""
        slot.record.meet_outage()
        self._try_later(slot, State.BACKOFF)
        self._emit(BackedOff(slot.name, slot.record.reason, slot.record.attempt))
        self._stop_companions(slot)

    def _restart_later(self, slot: Slot) -> None:
        """Restart after a bug; park or escalate if there have been too many."""
        child = slot.child
        window = self._budget.window(child.name, child.intensity, apart=child.parkable)
        too_many = window.add(self._surroundings.clock.monotonic())
        if too_many and not child.parkable:
            reason = f"{window}, the last of {slot.name}: {slot.record.reason}"
            self._emit(GaveUp(self.name, reason))
            raise Escalated(reason)
        if too_many or slot.record.parked:
            self._park(slot)
        else:
            self._try_later(slot, State.BACKOFF)
            self._stop_companions(slot)

    def _park(self, slot: Slot) -> None:
        """Let the others go on without *slot*, and try it again at the longest delay."""
        self._try_later(slot, State.PARKED)
        if not slot.record.parked:
            slot.record.parked = True
            self._emit(Parked(slot.name, slot.record.reason))

    def _over(self, slot: Slot, event: Event) -> None:
        """Leave a child ended that is not to be restarted."""
        slot.mailbox.close()  # nobody will read it: let asks fail at once
        self._emit(event)

    def _try_later(self, slot: Slot, state: State) -> None:
        slot.state = state
        slot.timer = self.after(slot.next_delay_s(random.random()), RestartDue(slot.name))

    def _stop_companions(self, slot: Slot, *, itself: bool = False) -> None:
        for other in tuple(self._order.companions(slot, itself=itself)):
            self._retire(other, other.grace_s())
            if other is slot:
                continue
            if other.child.restart is Restart.TEMPORARY:
                other.mailbox.close()
            else:
                other.record.count(Why.SIBLING)
                self._order.enlist(other)

    def _restart_asked(self, slot: Slot, by: str) -> None:
        self._emit(RestartOrdered(slot.name, by))
        self._stop_companions(slot, itself=True)
        if slot.mailbox.closed:  # it was over
            slot.open()
        slot.record.count(Why.ASKED)
        slot.record.forgive()
        self._order.enlist(slot)

    # -- watching

    def _watch(self, slot: Slot) -> None:
        killed, record = slot.kill_if_stuck(), slot.record
        if killed is not None:
            self._emit(killed)
        elif record.troubled_since_ms is not None and slot.is_healthy():
            if record.in_outage or record.parked:
                self._emit(Recovered(slot.name))
            record.forgive()

    # -- stopping

    def wind_down(self, cause: BaseException | None) -> None:
        """Stop the children in reverse order; at once if we are being killed ourselves."""
        kill = None if isinstance(cause, Exception) else cause
        for slot in reversed(self._order):
            kill = slot.close(kill, self._emit)
        super().wind_down(cause)
        if kill is not None and kill is not cause:
            raise kill

    def _retire(self, slot: Slot, grace_s: float | None) -> None:
        if (event := slot.retire(grace_s)) is not None:
            self._emit(event)

    def post(self, timer: Timer) -> None:
        # The ordinary lane may drop; a lost RestartDue would be a lost child.
        self.actor_inbox.urge(timer)
