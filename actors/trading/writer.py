"""Writes facts to Postgres while their owners wait for the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import assert_never

import gevent
import structlog
from gevent.event import Event

from ...store.facts import Entry
from ...store.keys import OutboxName
from ...store.ledger import LEDGER_AWAY, Ledger
from ...store.outbox import Outboxes
from ..actor import Actor
from ..meters import TradeMeter
from .messages import (
    BatchDue,
    DeleteDue,
    Durable,
    Executed,
    PostgresReturned,
    TradeWriterMessage,
    WriteFact,
)

BATCH = 256  #: facts in one transaction; the first of them waits for all
#: Real seconds for a write. Its owner waits for 5 (http/desk.py) and is to hear where the fact
#: is; from a Postgres that is frozen, and not gone, no refusal comes.
WRITE_S = 2.0
#: Real seconds between two calls that take what has been written off the streams: one after each
#: write would cost as much as the write, and the next write would wait for it.
DELETE_S = 0.1
PROBE_S = 1.0  #: real seconds between two looks at a Postgres that was away

log = structlog.get_logger(__name__)


class TradeWriter(Actor[TradeWriterMessage]):
    """The synchronous write: a fact is in the ledger before its owner is answered.

    Duty: one transaction for all facts that wait; soon after, their entries leave their streams.
    Reads: its messages, which carry the facts. Writes: `trades`, `trade_outbox`,
    `position_outbox`; answers HTTP.
    Lease: none; a fact written twice is there once.
    While it is down, or Postgres is: trades go on and are durable in Redis; the drainer brings
    their facts over later. With Postgres away it answers at once instead of making all wait.
    """

    def __init__(self, ledger: Ledger, outboxes: Outboxes, meter: TradeMeter | None = None) -> None:
        super().__init__()
        self._meter = meter or TradeMeter()
        self._ledger = ledger
        self._outboxes = outboxes
        self._waiting: list[WriteFact] = []
        self._written: dict[OutboxName, list[str]] = defaultdict(list)
        self._away = Event()
        self._left_behind = 0

    def started(self) -> None:
        # Beside the actor, so that a Postgres which takes its time to refuse
        # keeps no trade waiting.
        self.link(self._watch_for_postgres)
        self.every(DELETE_S, DeleteDue())

    def receive(self, message: TradeWriterMessage) -> None:
        match message:
            case WriteFact():
                self._take(message)
            case BatchDue():
                self._write()
            case DeleteDue():
                self._write()  # who waits is not to wait for a Redis that is gone
                self._delete()
            case PostgresReturned():
                self._return()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        self._write()
        self._delete()

    def detail(self) -> Mapping[str, object]:
        away = self._away.is_set()
        return {
            "postgres": "away" if away else "there",
            "left_behind": self._left_behind,
            "ailing": "trades are durable in Redis only, Postgres is away" if away else "",
        }

    def _take(self, request: WriteFact) -> None:
        self._waiting.append(request)
        if self._away.is_set() or len(self._waiting) >= BATCH:
            self._write()
        else:
            self.me.tell(BatchDue())  # one for every fact: a full mailbox may drop any

    def _write(self) -> None:
        batch, self._waiting = self._waiting, []
        durable: Durable = "redis"
        try:
            if batch and not self._away.is_set():
                self._ledger.insert_facts(list(map(_entry, batch)), within_s=WRITE_S)
                durable = "postgres"
        except LEDGER_AWAY as outage:
            self._leave(str(outage).strip())
        finally:
            # Whatever happened: these facts were made, and Redis has them.
            for request in batch:
                request.reply.set(Executed(request.made, durable))
        self._meter.written[durable] += len(batch)
        if durable == "redis":
            self._left_behind += len(batch)
        else:
            self._note_written(batch)

    def _note_written(self, batch: Sequence[WriteFact]) -> None:
        for request in batch:
            self._written[request.made.outbox].append(request.made.entry_id)

    def _delete(self) -> None:
        """Take what has been written off the streams; what a crash leaves there is drained."""
        written, self._written = self._written, defaultdict(list)
        for name, entry_ids in written.items():
            self._outboxes[name].delete(entry_ids)

    def _leave(self, why: str) -> None:
        self._away.set()
        log.warning("postgres is away; trades are durable in redis only", why=why)

    def _return(self) -> None:
        # Often told twice: the watch has begun another round when the first is handled.
        if self._away.is_set():
            self._away.clear()
            log.info("postgres is back", left_behind=self._left_behind)

    def _watch_for_postgres(self) -> None:
        while True:
            self._away.wait()
            gevent.sleep(PROBE_S)
            try:
                self._ledger.ping()
            except LEDGER_AWAY:
                continue
            self.me.tell(PostgresReturned())


def _entry(request: WriteFact) -> Entry:
    return Entry(request.made.entry_id, request.made.entry)
