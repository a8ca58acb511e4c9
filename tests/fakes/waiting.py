"""An exchange in play, with orders that wait on it: placed as the executor does, and released."""

from __future__ import annotations

from typing import Any, cast

import redis
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.orders import DelayedOrder
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, AcceptOrder, Command, Delayed, Outcome, TradeCommand
from touchline.store.order_kinds import order_from
from touchline.store.order_wire import order_of
from touchline.store.orders import Orders
from touchline.store.release import Release, Released
from touchline.store.scanner import Scanner

from tests.fakes.exchange import ANN, ARS, LEASE, OWNER, Exchange
from tests.fakes.facts import facts_in

DELAY_MS = 5_000
ACCEPTED_MS = 2_000  #: when `Exchange.order` places orders
RELEASE_MS = ACCEPTED_MS + DELAY_MS


class Waiting(Exchange):
    """ARS and EVE are in play, and Ann has 10,000.0000."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        # Only what is due is read, and all of that is in Redis.
        self.orders = Orders(client, self.keys, cast(Any, None))
        self.scanner = Scanner(client, self.keys, self.scripts, lambda: RELEASE_MS)
        self.list()
        self.fund(ANN)
        for instrument in self.hot.instruments():
            self.move(instrument.idx, phase=Phase.LIVE)

    def move(self, idx: InstrumentIdx = ARS, **changes: Any) -> None:
        """What the feed says: an offset, a phase, a halt."""
        self.scripts.index_apply(IndexChange(idx=idx, now_ms=3_000, **changes), LEASE, OWNER)

    def halt(self, halt: Halt = Halt.EVENT) -> None:
        """A goal, say."""
        self.move(halt=halt)

    def delayed(self, side: Side, qty: int, **changes: Any) -> TradeCommand:
        """Ann's order in ARS with the delay of play."""
        return self.command(side, qty, **{"delay_ms": DELAY_MS} | changes)

    def file(self, command: Command, delayed: Delayed | None = None) -> Outcome | Delayed:
        """Have *command* wait, as it was *delayed*; with nothing set aside if that is not said."""
        return self.scripts.execute([AcceptOrder(order_from(command, delayed or Delayed()))])[0]

    def send(self, command: Command) -> Outcome:
        """*command* as the executor handles it."""
        [outcome] = self.scripts.execute([command])
        if isinstance(outcome, Delayed):
            outcome = self.file(command, outcome)
        assert not isinstance(outcome, Delayed)
        return outcome

    def place(self, side: Side, qty: int, **changes: Any) -> Outcome:
        """An order as the executor handles it."""
        return self.send(self.delayed(side, qty, **changes))

    def pending(self, side: Side = Side.BUY, qty: int = 1_000, **changes: Any) -> DelayedOrder:
        """An order that waits."""
        outcome = self.place(side, qty, **changes)
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    def record(self, order: DelayedOrder) -> DelayedOrder:
        """What is kept of *order*."""
        return order_of(self.client.hgetall(self.keys.order(order.order_id)))

    def release(self, now_ms: int = RELEASE_MS) -> Released:
        """One run of the releaser."""
        return Release(self.orders, self.hot, self.scripts, self.scanner).run(now_ms, lambda: True)

    def facts(self) -> list[dict[str, str]]:
        """Facts of trades, grants and orders, oldest first."""
        return facts_in(self.client, self.keys.trade_outbox)

    def waiting(self) -> list[str]:
        """Ids of the orders that wait, by their release."""
        return cast(list[str], self.client.zrange(self.keys.pending_orders, 0, -1))

    def trades(self) -> list[str]:
        """Ids of the trades made, oldest first."""
        return [entry["id"] for entry in self.entries() if entry["k"] == "trade"]
