"""The scripts, with somebody who tells the story of what they do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from touchline.domain.orders import OrderStatus
from touchline.domain.refusals import Refusal, Refused
from touchline.store.commands import (
    Accepted,
    AcceptOrder,
    Awaited,
    CreditCommand,
    Credited,
    Filled,
    Made,
    OrderDone,
    Replayed,
)
from touchline.store.position_commands import (
    FollowCommand,
    Happened,
    HappenedBefore,
    StopsCommand,
    TriggerCommand,
)
from touchline.store.scripts import Scripts

from tests.fakes.stepping import Steps
from tests.fakes.timeline import Timeline

#: A position that is closed by a tick at a price that does not allow it stays open.
_ARMED = (Refusal.TAKE_PROFIT_NOT_REACHABLE, Refusal.INSUFFICIENT_MARGIN)


class ToldScripts:
    """*real*, each call a step of *steps*; what was done is in *timeline* before anybody dies.

    Attributes:
        armed: positions that a tick could not close.
    """

    def __init__(self, real: Scripts, timeline: Timeline, steps: Steps, armed: set[str]) -> None:
        self.armed = armed
        self._real, self._timeline, self._steps = real, timeline, steps

    def execute(self, commands: Sequence[Any]) -> list[Any]:
        return self._steps.run(lambda: self._execute(commands))

    def execute_ahead(self, batches: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
        for batch in batches:
            yield self.execute(batch)

    def orders_done(self, results: Sequence[OrderDone]) -> list[OrderStatus | Refused]:
        return self._steps.run(lambda: self._orders_done(results))

    def wallet_credit(self, command: CreditCommand) -> Any:
        return self._steps.run(lambda: self._wallet_credit(command))

    def position_follow(self, commands: Sequence[FollowCommand]) -> list[int | Refused]:
        return self._steps.run(lambda: self._real.position_follow(commands))

    def _execute(self, commands: Sequence[Any]) -> list[Any]:
        outcomes = self._real.execute(commands)
        for command, outcome in zip(commands, outcomes, strict=True):
            key = _key(command)
            self._check(key, isinstance(outcome, Replayed | HappenedBefore | Awaited), outcome)
            if isinstance(command, TriggerCommand) and isinstance(outcome, Refused):
                self.armed |= {command.position.id} if outcome.code in _ARMED else set()
        # Those of a script that Redis had lost were carried out behind the others.
        made = [(c, o) for c, o in zip(commands, outcomes, strict=True) if isinstance(o, Made)]
        for command, outcome in sorted(made, key=lambda each: int(each[1].entry["turn"])):
            self._note(outcome, _key(command))
        return outcomes

    def _wallet_credit(self, command: CreditCommand) -> Any:
        outcome = self._real.wallet_credit(command)
        assert isinstance(outcome, Credited)
        self._check(command.idem_key, outcome.entry_id is None, outcome)
        if outcome.entry_id is not None:
            world = self._timeline.world.paid(command.user, command.amount_e4)
            version = int(outcome.entry["tv"])
            self._timeline.happened(version, world, command.user, command.idem_key)
        return outcome

    def _orders_done(self, results: Sequence[OrderDone]) -> list[OrderStatus | Refused]:
        statuses = self._real.orders_done(results)
        for result, status in zip(results, statuses, strict=True):
            name, world = result.order.order_id, self._timeline.world
            if isinstance(status, Refused):
                assert name not in world.waiting, status
            else:
                self._timeline.recorded(name, status, world.done(name, status))
        return statuses

    def _check(self, key: str, before: bool, outcome: Any) -> None:
        assert not key or before == (key in self._timeline.keys), f"{key}: {outcome}"

    def _note(self, outcome: Any, key: str) -> None:
        world = self._timeline.world
        _, _, released = key.rpartition("order:")
        if key.startswith("order:") and isinstance(outcome, Filled | Happened):
            world = world.carried_out(released)
        match outcome:
            case Filled(fill, _, entry):
                self._timeline.happened(int(entry["tv"]), world.traded(fill), fill.user, key)
            case Happened(event, _, entry):
                user = event.position.user
                self._timeline.happened(int(entry["tv"]), world.moved(event), user, key)
            case Accepted(order):
                self._timeline.recorded(order.order_id, order.status, world.filed(order), key)


def _key(command: Any) -> str:
    match command:
        case AcceptOrder(order):
            return str(order.idem_key)
        case TriggerCommand() | StopsCommand():
            return ""
        case _:
            return str(command.idem_key)
