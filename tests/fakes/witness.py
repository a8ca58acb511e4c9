"""A tree that has everything done to it, and a witness that holds it to the laws of supervision.

The witness sees what anybody could: the events, the clock's timers, and its own actors from the
inside. What it thinks wrong it keeps in ``wrongs``, for an exception inside of an actor would
only be one more crash.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from touchline.actors.actor import Actor
from touchline.actors.backoff import Backoff, Intensity
from touchline.actors.child import Child, Restart, Strategy
from touchline.actors.events import (
    BackedOff,
    Crashed,
    Event,
    GaveUp,
    Killed,
    Restarted,
    RestartOrdered,
    Started,
    Stopped,
)
from touchline.actors.mailbox import Policy
from touchline.actors.messages import RestartDue
from touchline.actors.supervisor import Supervisor
from touchline.actors.timer import Timer

from tests.fakes.clock import FakeClock
from tests.fakes.probe import Away, forever

ROOT = "root"
BACKOFF = Backoff(min_s=1.0, max_s=8.0, jitter=0.25, healthy_s=20.0)
ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True)
class Duty:
    """One child of a tree to test; with members, it is a supervisor."""

    name: str
    restart: Restart = Restart.PERMANENT
    parkable: bool = False
    policy: Policy = Policy.DROP_OLD
    strategy: Strategy = Strategy.ONE_FOR_ONE  #: of its members
    intensity: Intensity = Intensity()  # noqa: RUF009 — frozen
    members: tuple[Duty, ...] = ()


class Witness:
    """What has happened in a tree of *root*'s members, and what of it is against the laws."""

    def __init__(self, root: Duty) -> None:
        self.clock = _WitnessedClock(self)
        self.wrongs: list[str] = []
        self.latest: dict[str, Actor[Any]] = {}  #: incarnation by name
        self.plans: dict[str, list[Callable[[Probe], None]]] = defaultdict(list)
        self.hung: set[object] = set()  #: greenlets that hang on purpose
        self.begun: Counter[str] = Counter()  #: messages whose handling began
        self.finished: Counter[str] = Counter()
        self.duties = {duty.name: duty for duty in _flat(root)}
        self.above = {m.name: duty for duty in _flat(root) for m in duty.members}
        self._rank = {name: rank for rank, name in enumerate(self.duties)}
        self._launched: dict[str, int] = {}  #: by name, the number of its latest launch
        self._launches = 0
        self._starting: set[str] = set()
        self._singled_out: set[str] = set()  #: by an operator, and not yet launched again
        self._firsts: dict[str, list[str]] = defaultdict(list)
        self._stops: dict[str, list[int]] = defaultdict(list)  #: ranks, since the last launch
        self._decided: dict[str, list[float]] = defaultdict(list)
        self._crashed: dict[str, list[float]] = defaultdict(list)
        self._delays = _Delays(self.wrongs)
        self._begin(root)

    def child(self, duty: Duty) -> Child:
        """The line for *duty* in a child list."""
        return Child(
            duty.name,
            lambda: self._supervisor(duty) if duty.members else self._probe(duty),
            restart=duty.restart,
            parkable=duty.parkable,
            policy=duty.policy,
            bound=6,
            start_s=3.0,
            stop_s=0.002,
            stuck_s=5.0,
            backoff=BACKOFF,
        )

    def lives(self, name: str) -> bool:
        """Whether an incarnation of *name* is not dead."""
        actor = self.latest.get(name)
        return actor is not None and actor.greenlet is not None and not actor.greenlet.dead

    def hangs(self, name: str) -> bool:
        """Whether *name* lives and hangs on purpose."""
        return self.lives(name) and self.latest[name].greenlet in self.hung

    def new_run(self) -> None:
        """Compare the next stops with none before: everything is at rest."""
        self._stops.clear()

    # -- the actors

    def _supervisor(self, duty: Duty) -> Supervisor:
        supervisor = Supervisor(
            [self.child(member) for member in duty.members],
            strategy=duty.strategy,
            intensity=duty.intensity,
        )
        self._launching(duty, supervisor)
        self._begin(duty)
        return supervisor

    def _probe(self, duty: Duty) -> Probe:
        probe = Probe(self)
        self._launching(duty, probe)
        return probe

    def _begin(self, duty: Duty) -> None:
        """Forget the members' past: their supervisor is a new one."""
        self._firsts[duty.name].clear()
        self._decided[duty.name].clear()
        self._crashed[duty.name].clear()
        self._starting.add(duty.name)
        for member in duty.members:
            self._delays.forget(member.name)

    def _launching(self, duty: Duty, actor: Actor[Any]) -> None:
        above = self.above[duty.name]
        if self.lives(duty.name):
            self.wrongs.append(f"two live incarnations of {duty.name}")
        for other in self._awaited(duty, above):
            if other in self._starting and self.lives(other):
                self.wrongs.append(f"{duty.name} was launched while {other} was starting")
        firsts = self._firsts[above.name]
        if duty.name not in firsts:
            firsts.append(duty.name)
            if firsts != [member.name for member in above.members][: len(firsts)]:
                self.wrongs.append(f"first starts under {above.name}: {firsts}")
        self.latest[duty.name] = actor
        self._launches += 1
        self._launched[duty.name] = self._launches
        self._starting.add(duty.name)
        self._stops[above.name].clear()
        self._stops[ROOT + " and below"].clear()
        self._singled_out.discard(duty.name)
        self._delays.launched(duty.name)

    def _awaited(self, duty: Duty, above: Duty) -> list[str]:
        """Those that must not be starting when *duty* is launched."""
        names = [member.name for member in above.members if member is not duty]
        at_boot = duty.name not in self._firsts[above.name]
        if at_boot or above.strategy is Strategy.ONE_FOR_ALL:
            return names
        if above.strategy is Strategy.REST_FOR_ONE:
            return names[: above.members.index(duty)]
        return []

    def stopping(self, name: str) -> None:
        """Note an orderly stop that its supervisor asked for."""
        if name in self._singled_out:  # its supervisor may be killed while it stops just this one
            return
        for scope in (self.above[name].name, ROOT + " and below"):
            ranks = self._stops[scope]
            ranks.append(self._rank[name])
            if scope in self.duties and ranks != sorted(ranks, reverse=True):
                self.wrongs.append(f"stops under {scope} not in reverse: {ranks}")

    def judge_whole_stop(self) -> None:
        """All stops since everything was at rest were in reverse of the whole list."""
        ranks = self._stops[ROOT + " and below"]
        if ranks != sorted(ranks, reverse=True):
            self.wrongs.append(f"the whole stop was not in reverse: {ranks}")

    def judge_order(self, running: set[str]) -> None:
        """Those of *running* that stand on each other started in the order of their list."""
        for duty in self.duties.values():
            if duty.strategy is Strategy.ONE_FOR_ONE:
                continue
            # Others go on without a parked one, so it may well be the last to start.
            numbers = [
                self._launched[member.name]
                for member in duty.members
                if member.name in running and not member.parkable
            ]
            if numbers != sorted(numbers):
                self.wrongs.append(f"live children of {duty.name} started as {numbers}")

    # -- what it is told

    def on_event(self, event: Event) -> None:
        """Note *event*; the tree's own observer."""
        now = self.clock.monotonic()
        match event:
            case Started(name) | Restarted(name):
                self._starting.discard(name)
                self._delays.running(name, now)
            case Crashed(name):
                self._crashed[self.above[name].name].append(now)
                self._delays.crashed(name, now)
            case Stopped(name) | Killed(name):
                self._delays.over(name, now)
            case BackedOff(name, _, attempt):
                self._delays.backed_off(name, attempt)
            case RestartOrdered(name):
                self._delays.forget(name)
                if self.above[name].strategy is Strategy.ONE_FOR_ONE:
                    self._singled_out.add(name)
            case GaveUp(name):
                self._judge_giving_up(self.duties[name], now)

    def delayed(self, name: str, delay_s: float) -> None:
        """Note that *name* is to be restarted after *delay_s*."""
        duty, above = self.duties[name], self.above[name]
        if self._delays.delayed(name, delay_s, duty.parkable) and not duty.parkable:
            now, intensity = self.clock.monotonic(), above.intensity
            decided = self._decided[above.name]
            decided.append(now)
            if sum(now - at <= intensity.seconds for at in decided) > intensity.crashes:
                self.wrongs.append(f"{above.name} restarts more than its intensity: {decided}")

    def forgiven(self, name: str, uptime_s: float) -> None:
        """Note that *name*, up for *uptime_s*, has no troubles any more."""
        self._delays.forgiven(name, uptime_s)

    def _judge_giving_up(self, duty: Duty, now: float) -> None:
        recent = [at for at in self._crashed[duty.name] if now - at <= duty.intensity.seconds]
        if len(recent) <= duty.intensity.crashes:
            self.wrongs.append(f"{duty.name} gave up after the crashes at {recent}")


class _Delays:
    """The delays before restarts, each against its number in a row."""

    def __init__(self, wrongs: list[str]) -> None:
        self._wrongs = wrongs
        self._row: Counter[str] = Counter()  #: failures in a row
        self._in_outage: set[str] = set()
        self._crashed: set[str] = set()  #: and not yet delayed
        self._since: dict[str, float] = {}
        self._was_healthy: set[str] = set()

    def launched(self, name: str) -> None:
        self._crashed.discard(name)

    def running(self, name: str, now: float) -> None:
        self._since[name] = now

    def crashed(self, name: str, now: float) -> None:
        self._crashed.add(name)
        self.over(name, now)

    def over(self, name: str, now: float) -> None:
        """Note an end; one that had been up for long may have been forgiven just before."""
        if name in self._since and now - self._since.pop(name) >= BACKOFF.healthy_s:
            self._was_healthy.add(name)

    def backed_off(self, name: str, attempt: int) -> None:
        if attempt != self._row[name]:
            self._wrongs.append(f"{name}: attempt {attempt} and not {self._row[name]}")

    def forget(self, name: str) -> None:
        self._row[name] = 0
        self._in_outage.discard(name)
        self._was_healthy.discard(name)

    def forgiven(self, name: str, uptime_s: float) -> None:
        if self._row[name]:
            if uptime_s < BACKOFF.healthy_s and name not in self._was_healthy:
                self._wrongs.append(f"{name} was forgiven after {uptime_s} s")
            self.forget(name)

    def delayed(self, name: str, delay_s: float, parkable: bool) -> bool:
        """Judge the delay; True if a crash was the reason, False for an outage."""
        by_crash = name in self._crashed
        if by_crash:
            self._crashed.discard(name)
            self._in_outage.discard(name)
        elif name not in self._in_outage:
            self._in_outage.add(name)
            self._row[name] = 0
        if name in self._was_healthy and not _fits(delay_s, self._row[name], parkable):
            self._row[name] = 0
        if not _fits(delay_s, self._row[name], parkable):
            self._wrongs.append(f"{name}: delay {delay_s} after {self._row[name]} in a row")
        self._row[name] += 1
        self._was_healthy.discard(name)
        return by_crash


def _fits(delay_s: float, row: int, parkable: bool) -> bool:
    plain = min(BACKOFF.max_s, BACKOFF.min_s * 2.0**row)
    longest = BACKOFF.max_s if parkable else plain
    least, most = plain * (1 - BACKOFF.jitter), longest * (1 + BACKOFF.jitter)
    return least - ROUNDING_S <= delay_s <= most + ROUNDING_S


class _WitnessedClock(FakeClock):
    """Tells of the timers that supervisors set for restarts."""

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self._witness = witness

    def timer(
        self, first_s: float, repeat_s: float, fire: Callable[[], None]
    ) -> Callable[[], None]:
        owner = getattr(fire, "__self__", None)
        if isinstance(owner, Timer) and isinstance(owner.message, RestartDue):
            self._witness.delayed(owner.message.name, first_s)
        return super().timer(first_s, repeat_s, fire)


class Probe(Actor[Callable[["Probe"], object]]):
    """Does what a message or the plan for its start says."""

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self.witness = witness
        self.by_itself = False

    def started(self) -> None:
        if self.witness.plans[self.name]:
            self.witness.plans[self.name].pop(0)(self)

    def stopped(self) -> None:
        if not self.by_itself:
            self.witness.stopping(self.name)

    def receive(self, message: Callable[[Probe], object]) -> object:
        self.witness.begun[self.name] += 1
        answer = message(self)
        self.witness.finished[self.name] += 1
        return answer


def crash(_: Probe) -> None:
    """A bug."""
    raise ValueError("boom")


def outage(_: Probe) -> None:
    """Something outside is away."""
    raise Away("redis")


def hang(probe: Probe) -> None:
    """Never done; a kill ends it."""
    probe.witness.hung.add(probe.greenlet)
    forever()


def end(probe: Probe) -> None:
    """An end in good order that nobody asked for."""
    probe.by_itself = True
    probe.stop()


def answer(_: Probe) -> str:
    """Nothing goes wrong."""
    return "well"


def _flat(duty: Duty) -> list[Duty]:
    return [duty, *(below for member in duty.members for below in _flat(member))]
