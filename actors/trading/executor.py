"""Executes orders: the one actor through which HTTP trades."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import assert_never

from ...domain.clock import Monotonic
from ...store.commands import AcceptOrder, Command, Delayed, Filled, Made, Outcome
from ...store.order_kinds import order_from
from ...store.position_commands import Happened
from ...store.scripts import Scripts
from ..actor import Actor
from ..address import Address
from ..meters import TradeMeter
from .messages import (
    BatchDue,
    Execute,
    Executed,
    TradeExecutorMessage,
    Unavailable,
    WriteFact,
)

BATCH = 256  #: orders in one pipeline; more would keep Redis from everybody else for too long
#: Real seconds from the beginning of one pipeline to that of the next, unless a full one waits. In
#: a stream of orders two or three share what one would take of three processes; one that comes
#: after a pause is not kept waiting.
GATHER_S = 0.003


class TradeExecutor(Actor[TradeExecutorMessage]):
    """Runs waiting orders together, as one pipeline of their scripts.

    Duty: one round trip to Redis for all orders that wait, however many requests they came
    from; in a stream of them they wait 3 ms for each other, one alone for nobody. What has to
    wait in play is filed as an order until its release.
    Reads: its messages. Writes: through the scripts; tells `trade-writer` of every fact.
    Lease: none; any number of replicas may execute.
    While it is down: orders wait in its mailbox; HTTP answers 503 once it has waited enough.
    """

    def __init__(
        self,
        scripts: Scripts,
        writer: Address[WriteFact],
        meter: TradeMeter | None = None,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._next_at = 0.0
        self._meter = meter or TradeMeter()
        self._scripts = scripts
        self._writer = writer
        self._waiting: list[Execute] = []
        self._largest = 0

    def receive(self, message: TradeExecutorMessage) -> None:
        match message:
            case Execute():
                self._take(message)
            case BatchDue():
                self._run()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        self._run()  # whoever waits for others would else wait until they give up

    def detail(self) -> Mapping[str, object]:
        return {"largest_batch": self._largest}

    def _take(self, request: Execute) -> None:
        self._waiting.append(request)
        early_s = self._next_at - self._monotonic()
        if len(self._waiting) >= BATCH:
            self._run()
        elif early_s <= 0:
            # One for every order, though the first to be handled takes all that
            # wait: a full mailbox may drop any of them.
            self.me.tell(BatchDue())
        elif len(self._waiting) == 1:
            # Should a full mailbox drop this one, what it is full of is handled after its time.
            self.after(early_s, BatchDue())

    def _run(self) -> None:
        # Whoever has given up waiting must not be surprised by a trade.
        batch = [request for request in self._waiting if not request.reply.ready()]
        self._waiting = []
        if not batch:
            return
        self._next_at = self._monotonic() + GATHER_S
        self._largest = max(self._largest, len(batch))
        self._meter.batches += 1
        self._meter.batched += len(batch)
        delayed = self._carry_out(batch, [request.command for request in batch])
        if delayed:
            orders = [AcceptOrder(order_from(each.command, why)) for each, why in delayed]
            self._carry_out([request for request, _ in delayed], orders)

    def _carry_out(
        self, batch: Sequence[Execute], commands: Sequence[Command | AcceptOrder]
    ) -> Sequence[tuple[Execute, Delayed]]:
        """Answer all of *batch* but those that have to wait, which are returned."""
        unanswered = batch
        try:
            outcomes = self._scripts.execute(commands)
            unanswered = []
        finally:
            for request in unanswered:
                request.reply.set(Unavailable("the order may or may not have been executed"))
        delayed = []
        for request, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Delayed):
                delayed.append((request, outcome))
            else:
                self._answer(request, outcome)
        return delayed

    def _answer(self, request: Execute, outcome: Outcome) -> None:
        if isinstance(outcome, Filled) or (isinstance(outcome, Happened) and outcome.event.px):
            self._meter.ticks += 1  # by the script: whatever is traded publishes a price
        if isinstance(outcome, Made):
            self._writer.tell(WriteFact(outcome, request.reply))
        else:
            request.reply.set(Executed(outcome, None))
