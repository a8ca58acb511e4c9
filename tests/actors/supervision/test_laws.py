"""Whatever is done to a tree, in whatever order: the laws of supervision hold.

After every step, and at the end of every story:

1. a permanent child runs, or is on its way, or its supervisor is dead;
2. no more restarts in any window than the intensity allows, and nobody gives up before;
3. children start in the order of their list and stop in reverse;
4. no two incarnations of a child live at once;
5. every ask is answered or refused;
6. handled, dropped, queued and poisonous messages are all that were sent;
7. no greenlet and no registered actor is left;
8. the n-th delay in a row lies between min·2ⁿ·(1-j) and cap·(1+j).

Children are neither added nor removed at run time, for no service does so; the trees differ
in their lists instead. Ten times the stories of an ordinary test run:
pytest tests/actors/supervision/test_laws.py --hypothesis-profile thorough -o faulthandler_timeout=0
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import gevent
import pykka
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs
from touchline.actors.address import Addresses
from touchline.actors.backoff import Intensity
from touchline.actors.child import Restart, Strategy
from touchline.actors.errors import Undelivered
from touchline.actors.health import ChildHealth, State
from touchline.actors.mailbox import Policy
from touchline.actors.order import UNSETTLED
from touchline.actors.tree import Tree

from tests.fakes.greenlets import started_greenlets
from tests.fakes.probe import WAIT_S, Away
from tests.fakes.witness import ROOT, Duty, Witness, answer, crash, end, hang, outage

ON_ITS_WAY = {State.RUNNING, State.STARTING, State.BACKOFF, State.PARKED, State.STUCK}
STORIES = 200  #: in an ordinary test run
STEP_S = 0.5  #: the clock moves by so much at a time, and everybody reacts
#: The clock's seconds until all is well: each of 7 children may have 6 messages that hang it for
#: 5 s and are followed by a delay of 10 s.
PATIENCE_S = 1000
QUIET_TURNS = 3  #: of the event loop, until everything counts as at rest

WHO = st.integers(0, 9)
SETTLED = st.booleans()
duties = st.builds(
    Duty,
    name=st.just("?"),
    restart=st.sampled_from([Restart.PERMANENT, *Restart]),
    parkable=st.booleans(),
    policy=st.sampled_from(Policy),
)
intensities = st.builds(Intensity, crashes=st.integers(0, 3), seconds=st.just(10.0))


@st.composite
def trees(draw: st.DrawFn) -> Duty:
    """A root with one to four children and, among them, perhaps a supervisor with its own."""
    listed = [
        replace(duty, name=name)
        for name, duty in zip("abcd", draw(st.lists(duties, min_size=1, max_size=4)), strict=False)
    ]
    below = draw(st.lists(duties, max_size=3))
    if below:
        group = Duty(
            "group",
            parkable=draw(st.booleans()),
            strategy=draw(st.sampled_from(Strategy)),
            intensity=draw(intensities),
            members=tuple(replace(d, name=n) for n, d in zip("xyz", below, strict=False)),
        )
        listed.insert(draw(st.integers(0, len(listed))), group)
    return Duty(
        ROOT,
        strategy=draw(st.sampled_from(Strategy)),
        intensity=Intensity(crashes=draw(st.integers(1, 5)), seconds=10.0),
        members=tuple(listed),
    )


class Laws(RuleBasedStateMachine):
    """Does things to a tree; with *settled* off, the next thing happens at the same moment."""

    @initialize(root=trees(), away=st.booleans())
    def boot(self, root: Duty, away: bool) -> None:
        self.before = set(pykka.ActorRegistry.get_all())
        self.watch = ExitStack()
        self.watch.enter_context(capture_logs())
        self.greenlets = self.watch.enter_context(started_greenlets())
        self.witness = Witness(root)
        self.clock = self.witness.clock
        self.root = root
        self.sent: Counter[str] = Counter()
        self.asks: list[gevent.Greenlet] = []
        self.at_rest = False
        self.addresses = Addresses(self.clock.monotonic)
        if away and root.members[0].restart is not Restart.TEMPORARY:  # nobody waits for that
            self.witness.plans[root.members[0].name].append(outage)
        self.tree = Tree.start(
            [self.witness.child(duty) for duty in root.members],
            name=ROOT,
            addresses=self.addresses,
            strategy=root.strategy,
            intensity=root.intensity,
            outages=(Away,),
            on_event=self.witness.on_event,
            clock=self.clock,
        )
        self.settle()

    # -- what can happen

    @rule(who=WHO, what=st.sampled_from([crash, outage, hang, end]), settled=SETTLED)
    def trouble(self, who: int, what: Any, settled: bool) -> None:
        self.tell(self.leaf(who), what)
        self.settle_if(settled)

    @rule(
        who=WHO,
        steps=st.lists(st.sampled_from([crash, outage, hang]), min_size=1, max_size=3),
        settled=SETTLED,
    )
    def trouble_at_the_next_starts(self, who: int, steps: list[Any], settled: bool) -> None:
        name = self.leaf(who)
        self.witness.plans[name] = steps
        self.tell(name, steps[0])
        self.settle_if(settled)

    @rule(who=WHO, settled=SETTLED)
    def kill(self, who: int, settled: bool) -> None:
        actor = self.witness.latest.get(self.anybody(who))
        if actor is not None and actor.greenlet is not None:
            actor.greenlet.kill(block=False)
        self.settle_if(settled)

    @rule(who=WHO, number=st.integers(1, 9), settled=SETTLED)
    def messages(self, who: int, number: int, settled: bool) -> None:
        for _ in range(number):
            self.tell(self.leaf(who), answer)
        self.settle_if(settled)

    @rule(who=WHO, what=st.sampled_from([answer, crash, outage, hang]), settled=SETTLED)
    def ask(self, who: int, what: Any, settled: bool) -> None:
        name = self.leaf(who)
        self.sent[name] += 1
        self.asks.append(gevent.spawn(answer_to, self.addresses, name, what))
        self.settle_if(settled)

    @rule(who=WHO, settled=SETTLED)
    def restart_asked(self, who: int, settled: bool) -> None:
        self.tree.restart(self.anybody(who), by="ada")
        self.settle_if(settled)

    @rule(steps=st.sampled_from([1, 2, 4, 12, 50]))
    def time_passes(self, steps: int) -> None:
        for _ in range(steps):
            self.clock.advance(STEP_S)
            self.settle()

    # -- what must hold

    @invariant()
    def laws_hold(self) -> None:
        assert not self.witness.wrongs, self.witness.wrongs
        if self.at_rest:
            self.prove_children()
            self.prove_counts()

    def prove_children(self) -> None:
        health = {child.name: child for child in self.tree.snapshot().walk()}
        for name, child in health.items():
            if self.witness.duties[name].restart is Restart.PERMANENT:
                assert child.state in ON_ITS_WAY or self.is_held_back(child, health), child
            assert (child.state is State.RUNNING) <= self.witness.lives(name), child
        running = {name for name, child in health.items() if child.state is State.RUNNING}
        self.witness.judge_order(running)
        assert not self.witness.wrongs, self.witness.wrongs

    def is_held_back(self, child: ChildHealth, health: dict[str, ChildHealth]) -> bool:
        """Whether *child* waits for a sibling that it stands on, or for its turn at a boot."""
        above = self.witness.above[child.name]
        names = [member.name for member in above.members]
        at_boot = above.name != ROOT and health[above.name].state is State.STARTING
        if above.strategy is Strategy.ONE_FOR_ONE and not at_boot:
            return False
        if above.strategy is Strategy.REST_FOR_ONE and not at_boot:
            names = names[: names.index(child.name)]
        return child.state is State.STOPPED and any(health[n].state in UNSETTLED for n in names)

    def prove_counts(self) -> None:
        for name, sent in self.sent.items():
            box = self.addresses.mailbox(name)
            begun, finished = self.witness.begun[name], self.witness.finished[name]
            assert box.handled == finished, name
            assert finished + (begun - finished) + box.dropped + box.depth == sent, name

    # -- the end of a story

    def teardown(self) -> None:
        if not hasattr(self, "tree"):
            return
        try:
            self.laws_hold()
            self.settle()
            self.laws_hold()
            self.prove_recovery()
            self.prove_stop()
        finally:
            self.tree.stop(WAIT_S)
            self.watch.close()
        self.prove_nothing_is_left()

    def prove_recovery(self) -> None:
        """Left in peace, everything that should run does, or the tree has given up."""
        self.witness.plans.clear()
        seconds = 0
        while unwell := self.unwell():
            assert seconds < PATIENCE_S, unwell
            self.clock.advance(1.0)
            self.settle()
            self.laws_hold()
            seconds += 1
        for child in self.tree.snapshot().walk():
            if child.state is State.RUNNING and not self.witness.duties[child.name].members:
                self.sent[child.name] += 1
                assert answer_to(self.addresses, child.name, answer) == "well"

    def unwell(self) -> list[ChildHealth]:
        """Children that should run and do not, or still have messages to handle."""
        return [
            child
            for child in self.tree.snapshot().walk()
            if child.depth
            or self.witness.hangs(child.name)
            or (
                self.witness.duties[child.name].restart is Restart.PERMANENT
                and child.state is not State.RUNNING
            )
        ]

    def prove_stop(self) -> None:
        self.witness.new_run()
        report = self.tree.stop(WAIT_S)
        self.witness.judge_whole_stop()
        assert report.clean
        assert not self.witness.wrongs, self.witness.wrongs

    def prove_nothing_is_left(self) -> None:
        gevent.joinall(self.asks, timeout=WAIT_S)
        assert all(ask.value in ("well", "crash", "outage", "refused") for ask in self.asks)
        self.prove_counts()
        gevent.joinall(self.greenlets, timeout=WAIT_S)
        assert all(greenlet.dead for greenlet in self.greenlets)
        assert pykka.ActorRegistry.get_all() == list(self.before)

    # -- details

    def leaf(self, number: int) -> str:
        names = [duty.name for duty in self.witness.duties.values() if not duty.members]
        return names[number % len(names)]

    def anybody(self, number: int) -> str:
        names = list(self.witness.above)
        return names[number % len(names)]

    def tell(self, name: str, message: Any) -> None:
        self.sent[name] += 1
        self.addresses.of(name).tell(message)

    def settle_if(self, settled: bool) -> None:
        self.at_rest = False
        if settled:
            self.settle()

    def settle(self) -> None:
        """Let the event loop turn until everybody waits: for a message, the clock, or for ever."""
        quiet = 0
        with gevent.Timeout(WAIT_S, TimeoutError("never at rest")):
            while quiet < QUIET_TURNS:
                gevent.idle()
                quiet = quiet + 1 if self.is_quiet() else 0
        self.at_rest = True
        self.witness.new_run()
        for child in self.tree.snapshot().walk():
            if child.state is State.RUNNING and child.troubled_since_ms is None:
                self.witness.forgiven(child.name, child.uptime_s)

    def is_quiet(self) -> bool:
        top = self.addresses.mailbox(ROOT)
        waits = top.closed or (top.idle and top.empty())
        return waits and all(map(self.has_nothing_to_do, self.witness.above))

    def has_nothing_to_do(self, name: str) -> bool:
        box = self.addresses.mailbox(name)
        if not self.witness.lives(name) or self.witness.hangs(name):
            return True
        return box.idle and box.empty()


def answer_to(addresses: Addresses, name: str, message: Any) -> str:
    """How an ask ends; with so much patience it always does by the supervision's doing."""
    try:
        return str(addresses.of(name).ask(message, timeout_s=10 * WAIT_S))
    except ValueError:
        return "crash"
    except Away:
        return "outage"
    except Undelivered:
        return "refused"


def test_the_laws_of_supervision_hold_whatever_happens(no_leaks: None) -> None:
    run_state_machine_as_test(
        Laws,
        settings=settings(
            max_examples=max(STORIES, settings.default.max_examples),
            stateful_step_count=25,
            # No shrinking: a story that fails is slow, and to find its shortest may take longer
            # than pytest lets a test hang. Add Phase.shrink by hand.
            phases=[Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
