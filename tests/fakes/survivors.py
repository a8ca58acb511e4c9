"""The story of an exchange that survives, told by hypothesis: what may happen, in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import redis as redis_module
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from touchline.domain.ids import uuid7
from touchline.store.commands import CreditCommand, TradeCommand
from touchline.store.position_commands import (
    CloseCommand,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
)
from touchline.store.postgres import Postgres

from tests.fakes import duties
from tests.fakes.stepping import Fate, Steps
from tests.fakes.survival import Survival

users, clubs = st.sampled_from([1, 2, 3]), st.sampled_from([7, 8])
picks = st.integers(0, 99)
qtys = st.integers(1, 900)
replicas = st.sampled_from("ab")
freezes = st.builds(Fate, st.just("freeze"), st.integers(1, 5), st.booleans())
deaths = st.builds(Fate, st.just("kill"), st.integers(1, 6), st.booleans())
late = st.builds(Fate, st.sampled_from(["kill", "freeze"]), st.integers(1, 70), st.booleans())
fates = st.one_of(st.none(), freezes, deaths)

up = precondition(lambda self: self.exchange.open)
positioned = precondition(lambda self: self.exchange.open and self.exchange.timeline.world.stakes)


class Survivors(RuleBasedStateMachine):
    """The story of one `Survival`; everything is compared after each step."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres) -> None:
        super().__init__()
        self.exchange = Survival(redis, pg)
        self.replicas = {name: duties.Replica(self.exchange) for name in "ab"}
        self.commands: list[Any] = []  # that have a key

    # Commands --------------------------------------------------------------------------------

    @up
    @rule(name=replicas, user=users, idx=clubs, side=st.sampled_from(["buy", "sell"]), qty=qtys)
    def trade(self, name: str, user: int, idx: int, side: str, qty: int) -> None:
        command = self.exchange.books.command(user, idx, side, qty)
        self._new(name, command)

    @up
    @rule(name=replicas, user=users, idx=clubs, side=st.sampled_from(["long", "short"]), qty=qtys)
    def open(self, name: str, user: int, idx: int, side: str, qty: int) -> None:
        command = self.exchange.books.open_command(user, idx, side, qty)
        self._new(name, command)

    @positioned
    @rule(name=replicas, pick=picks, qty=st.one_of(st.none(), qtys))
    def close(self, name: str, pick: int, qty: int | None) -> None:
        where = self._checked(pick)
        if where is not None:
            now_ms = self.exchange.now_ms()
            key = f"close-{now_ms}"
            command = CloseCommand(uuid7(now_ms), where, qty, None, None, key, "f", now_ms)
            self._new(name, command)

    @positioned
    @rule(name=replicas, pick=picks, amount_e4=st.integers(-90_000, 90_000).filter(bool))
    def margin(self, name: str, pick: int, amount_e4: int) -> None:
        where, now_ms = self._checked(pick), self.exchange.now_ms()
        if where is not None:
            key = f"margin-{now_ms}"
            command = MarginCommand(uuid7(now_ms), where, amount_e4, key, "f", now_ms)
            self._new(name, command)

    @positioned
    @rule(name=replicas, pick=picks, px=st.sampled_from([None, 950_000, 1_050_000]))
    def restop(self, name: str, pick: int, px: int | None) -> None:
        where, now_ms = self._checked(pick), self.exchange.now_ms()
        if where is not None:
            version = self.exchange.timeline.world.stakes[where.id].position.number
            command = StopsCommand(uuid7(now_ms), where, version, px, None, None, now_ms)
            self._carry_out(name, command)

    @up
    @rule(user=users, amount_e4=st.integers(1, 1000))
    def grant(self, user: int, amount_e4: int) -> None:
        now_ms = self.exchange.now_ms()
        key = f"prize:{now_ms}"
        command = CreditCommand(uuid7(now_ms), user, "prize", amount_e4, key, "won", now_ms)
        self._new("a", command)

    @precondition(lambda self: self.commands and not self.exchange.client.shut)
    @rule(name=replicas, pick=picks)
    def retry(self, name: str, pick: int) -> None:
        """As clients do: the same under the same key; whoever took it gave it another id."""
        command = self.commands[-1 - pick % min(len(self.commands), 8)]
        self._carry_out(name, _anew(command, uuid7(self.exchange.now_ms())))

    # The way to Postgres -----------------------------------------------------------------------

    @precondition(lambda self: any(each.made for each in self.replicas.values()))
    @rule(name=replicas, fate=fates)
    def write(self, name: str, fate: Fate | None) -> None:
        self._have(name, self.replicas[name].write, fate)

    @rule(fate=fates)
    def flush(self, fate: Fate | None) -> None:
        steps = Steps()
        self.exchange.work(steps, duties.drain(self.exchange, steps).flush, fate)

    @rule(fate=fates)
    def drain_facts(self, fate: Fate | None) -> None:
        steps = Steps()
        self.exchange.work(steps, duties.drain(self.exchange, steps).facts, fate)

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

    @precondition(lambda self: self.exchange.due)
    @rule(fate=st.one_of(st.none(), late))
    def put_back(self, fate: Fate | None) -> None:
        self.exchange.put_back(fate)

    # What must be so ---------------------------------------------------------------------------

    @invariant()
    def all_is_as_told(self) -> None:
        self.exchange.check()

    def teardown(self) -> None:
        try:
            if self.exchange.open:
                for name, replica in self.replicas.items():
                    self._have(name, replica.write, None)
            self.exchange.end()
        finally:
            self.exchange.refuse(None)

    def _new(self, name: str, command: Any) -> None:
        self.commands.append(command)
        self._carry_out(name, command)

    def _carry_out(self, name: str, command: Any) -> None:
        replica, fate = self.replicas[name], None
        self._have(name, lambda: replica.carry_out(command), fate)

    def _have(self, name: str, call: Callable[[], object], fate: Fate | None) -> None:
        """Something done by the replica called *name*; another follows on one that has gone."""
        if not self.exchange.work(self.replicas[name].steps, call, fate):
            self.replicas[name] = duties.Replica(self.exchange)

    def _checked(self, pick: int) -> PositionKey | None:
        """A position that is open, and still is when it was looked at."""
        stakes = sorted(self.exchange.timeline.world.stakes.items())
        name, stake = stakes[pick % len(stakes)]
        where = PositionKey(name, stake.user, stake.idx)
        self.exchange.scanner(Steps()).check(where)
        return where if name in self.exchange.timeline.world.stakes else None


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
