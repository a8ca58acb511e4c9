"""Whatever is lost, killed or frozen: the exchange goes on from a moment that was.

Told is what two api-servers, flushers, drainers and rehydrators may do, and when Redis is lost:
never a moment that somebody was told is in Postgres. What is lost is as if it had not been: under
its key it is done anew, once. Orders that wait, and ticks, are not in the story.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import redis as redis_module
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from touchline.domain.ids import uuid7
from touchline.store.commands import CreditCommand, Made, TradeCommand
from touchline.store.position_commands import (
    CloseCommand,
    FollowCommand,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
)
from touchline.store.postgres import Postgres

from tests.fakes.facts import AT_MS
from tests.fakes.stepping import Fate, Steps
from tests.fakes.survival import Replica, Survival

#: Stories, of so many steps each, where nobody asks for more. For as long as one likes:
#: pytest tests/store/test_survival.py --hypothesis-profile thorough -o faulthandler_timeout=0
EXAMPLES = 15
STEPS = 50
USUAL = 100  #: examples that hypothesis takes by itself

users, clubs = st.sampled_from([1, 2, 3]), st.sampled_from([7, 8])
picks = st.integers(0, 99)
qtys = st.integers(1, 900)
replicas = st.sampled_from("ab")
freezes = st.builds(Fate, st.just("freeze"), st.integers(1, 5), st.booleans())
deaths = st.builds(Fate, st.just("kill"), st.integers(1, 6), st.booleans())
late_deaths = st.builds(Fate, st.just("kill"), st.integers(1, 60), st.booleans())
fates = st.one_of(st.none(), freezes, deaths)

up = precondition(lambda self: not self.exchange.client.shut)
down = precondition(lambda self: self.exchange.client.shut)
positioned = precondition(
    lambda self: self.exchange.timeline.world.stakes and not self.exchange.client.shut
)


class Survivors(RuleBasedStateMachine):
    """The story of one `Survival`; everything is compared after each step."""

    stores: Callable[[], tuple[redis_module.Redis, Postgres]]

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Survival(*type(self).stores())
        self.replicas = {name: Replica(self.exchange) for name in "ab"}
        self.commands: list[tuple[Any, str]] = []  # with their keys
        self._numbers = count(1000)

    # Commands --------------------------------------------------------------------------------

    @up
    @rule(name=replicas, user=users, idx=clubs, side=st.sampled_from(["buy", "sell"]), qty=qtys)
    def trade(self, name: str, user: int, idx: int, side: str, qty: int) -> None:
        command = self.exchange.books.command(user, idx, side, qty)
        self._new(name, command, command.idem_key)

    @up
    @rule(name=replicas, user=users, idx=clubs, side=st.sampled_from(["long", "short"]), qty=qtys)
    def open(self, name: str, user: int, idx: int, side: str, qty: int) -> None:
        command = self.exchange.books.open_command(user, idx, side, qty)
        self._new(name, command, command.idem_key)

    @positioned
    @rule(name=replicas, pick=picks, qty=st.one_of(st.none(), qtys))
    def close(self, name: str, pick: int, qty: int | None) -> None:
        where = self._checked(pick)
        number = self._number()
        event = uuid7(AT_MS + number)
        key = f"close-{number}"
        self._new(name, CloseCommand(event, where, qty, None, None, key, "f", AT_MS + number), key)

    @positioned
    @rule(name=replicas, pick=picks, amount_e4=st.integers(-90_000, 90_000).filter(bool))
    def margin(self, name: str, pick: int, amount_e4: int) -> None:
        where, number = self._checked(pick), self._number()
        event, key = uuid7(AT_MS + number), f"margin-{number}"
        self._new(name, MarginCommand(event, where, amount_e4, key, "f", AT_MS + number), key)

    @positioned
    @rule(name=replicas, pick=picks, px=st.sampled_from([None, 950_000, 1_050_000]))
    def restop(self, name: str, pick: int, px: int | None) -> None:
        where, number = self._checked(pick), self._number()
        version = next(p.number for p in self.exchange.books.positions() if p.id == where.id)
        event = uuid7(AT_MS + number)
        command = StopsCommand(event, where, version, px, None, None, AT_MS + number)
        self._carry_out(name, command, f"stops-{number}")

    @up
    @rule(user=users, amount_e4=st.integers(1, 1000))
    def grant(self, user: int, amount_e4: int) -> None:
        number = self._number()
        key = f"prize:{number}"
        command = CreditCommand(
            uuid7(AT_MS + number), user, "prize", amount_e4, key, "won", AT_MS + number
        )
        self._new("a", command, key)

    @precondition(lambda self: self.commands and not self.exchange.client.shut)
    @rule(name=replicas, pick=picks)
    def retry(self, name: str, pick: int) -> None:
        """As clients do: the same under the same key; whoever took it gave it another id."""
        command, key = self.commands[pick % len(self.commands)]
        self._carry_out(name, _anew(command, uuid7(AT_MS + self._number())), key)

    # The way to Postgres -----------------------------------------------------------------------

    @precondition(lambda self: any(each.made for each in self.replicas.values()))
    @rule(name=replicas, fate=fates)
    def write(self, name: str, fate: Fate | None) -> None:
        replica = self.replicas[name]
        if not self.exchange.work(replica.steps, replica.write, fate):
            self.replicas[name] = Replica(self.exchange)

    @rule(fate=fates)
    def flush(self, fate: Fate | None) -> None:
        steps = Steps()
        self.exchange.work(steps, self.exchange.drain(steps).flush, fate)

    @rule(fate=fates)
    def drain_facts(self, fate: Fate | None) -> None:
        steps = Steps()
        self.exchange.work(steps, self.exchange.drain(steps).facts, fate)

    @precondition(lambda self: self.exchange.frozen)
    @rule(pick=picks)
    def thaw(self, pick: int) -> None:
        self.exchange.thaw(pick)

    @rule(user=st.one_of(st.none(), users))
    def refuse(self, user: int | None) -> None:
        self.exchange.refuse(user)
        self.exchange.retry_parked()

    # Losses ------------------------------------------------------------------------------------

    @rule()
    def keep(self) -> None:
        self.exchange.keep()

    @rule(
        how=st.sampled_from(["restart", "go back", "empty"]),
        pick=picks,
        at_once=st.booleans(),
    )
    def lose(self, how: str, pick: int, at_once: bool) -> None:
        """Redis restarts with all, less, or nothing; often it is put back before anything else."""
        match how:
            case "go back" if self.exchange.kept:
                self.exchange.go_back(pick)
            case "empty":
                self.exchange.empty()
            case _:
                self.exchange.restart()
        if at_once:
            self.exchange.put_back()

    @down
    @rule(fate=st.one_of(st.none(), late_deaths))
    def put_back(self, fate: Fate | None) -> None:
        self.exchange.put_back(fate)

    # What must be so ---------------------------------------------------------------------------

    @invariant()
    def postgres_has_a_beginning(self) -> None:
        self.exchange.check_postgres()

    @invariant()
    def redis_is_where_the_story_is(self) -> None:
        if not self.exchange.client.shut:
            self.exchange.check_redis()

    def teardown(self) -> None:
        try:
            if not self.exchange.client.shut:
                for replica in self.replicas.values():
                    self.exchange.work(replica.steps, replica.write, None)
            self.exchange.end()
        finally:
            self.exchange.refuse(None)

    def _new(self, name: str, command: Any, key: str) -> None:
        self.commands.append((command, key))
        self._carry_out(name, command, key)

    def _carry_out(self, name: str, command: Any, key: str) -> None:
        outcome = self.exchange.carry_out(command, key)
        if isinstance(outcome, Made):
            self.replicas[name].made.append(outcome)

    def _checked(self, pick: int) -> PositionKey:
        """A position that is open, looked at up to the newest tick as a scanner does."""
        books = self.exchange.books
        name, stake = sorted(self.exchange.timeline.world.stakes.items())[
            pick % len(self.exchange.timeline.world.stakes)
        ]
        where = PositionKey(name, stake.user, stake.idx)
        position = next(each for each in books.positions() if each.id == name)
        for tick_id, fields in books.redis.xrevrange(books.keys.ticks(stake.idx), count=1):
            seq = int(fields["s"])
            books.scripts.position_follow(
                [FollowCommand(where, position.version, tick_id, seq, None, warned=False)]
            )
        return where

    def _number(self) -> int:
        return next(self._numbers)


def _anew(command: Any, name: str) -> Any:
    match command:
        case TradeCommand():
            return replace(command, trade_id=name)
        case OpenCommand():
            return replace(command, order=replace(command.order, position_id=name))
        case CloseCommand() | MarginCommand():
            return replace(command, event_id=name)
        case _:
            return replace(command, entry_id=name)


@pytest.fixture
def machine(stores: Callable[[], tuple[redis_module.Redis, Postgres]]) -> type[Survivors]:
    return type("Survivors", (Survivors,), {"stores": staticmethod(stores)})


def test_the_exchange_survives_whatever_is_lost_killed_or_frozen(machine: Any) -> None:
    asked = settings.default.max_examples
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=asked if asked > USUAL else EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
