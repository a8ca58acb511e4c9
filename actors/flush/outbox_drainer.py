"""Brings the facts that the synchronous write left behind from Redis to Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from ...store.outbox_drain import OutboxDrain
from ..actor import Actor
from ..meters import FlushMeter
from .messages import DrainDue, OutboxDrainerMessage

DRAIN_S = 5.0  #: real seconds; leftovers are rare, so this need not be often


class OutboxDrainer(Actor[OutboxDrainerMessage]):
    """Empties one outbox, the stream and the table, at the start and every 5 s.

    Duty: every fact reaches the ledger, whatever happened to the write its owner waited for.
    Reads: the stream and the table, `trade_outbox` or `position_outbox`, and the other stream for
    what was made in between. Writes: the ledger and `cfd_positions`.
    Lease: none; a fact inserted twice is there once, parked rows are locked while tried.
    While it is down: facts wait in Redis until the flusher meets them; refused ones stay parked.
    """

    def __init__(self, drain: OutboxDrain, meter: FlushMeter | None = None) -> None:
        super().__init__()
        self._meter = meter or FlushMeter()
        self._drain = drain
        self._moved = 0
        self._refused = 0

    def started(self) -> None:
        self.every(DRAIN_S, DrainDue())
        self.me.tell(DrainDue())

    def receive(self, message: OutboxDrainerMessage) -> None:
        match message:
            case DrainDue():
                self._run()
            case _:
                assert_never(message)

    def detail(self) -> Mapping[str, object]:
        parked = f"facts that Postgres refuses: {self._refused}" if self._refused else ""
        return {"moved": self._moved, "refused": self._refused, "ailing": parked}

    def _run(self) -> None:
        # Before the drain, which fails first: while Postgres is away these grow, and are looked
        # at with every try.
        outbox = self._meter.outboxes[self._drain.name]
        outbox.entries.put(self._drain.waiting())
        outbox.oldest_s.put(self._drain.oldest_s())
        run = self._drain.facts()
        retried = self._drain.retry_parked()
        outbox.parked.put(self._drain.parked())
        self._meter.facts["drainer"] += run.moved + retried.inserted
        self._moved += run.moved + retried.inserted
        self._refused = retried.refused
        if run.more:
            self.me.tell(DrainDue())
