"""Writes facts to Postgres while their owners wait for the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import assert_never

import gevent
import structlog
from gevent.event import Event

from ...store.entries import Entry
from ...store.fact_writer import FactWriter
from ...store.keys import OutboxName
from ...store.ledger import LEDGER_AWAY, Ledger
from ...store.life import Superseded, life_of
from ...store.outage import OUTAGES, one_line
from ...store.sequence import FactSequence, Stretch, turns
from ..actor import Actor
from ..meters import TradeMeter
from .messages import (
    BatchDue,
    DeleteDue,
    Durable,
    Executed,
    PostgresReturned,
    TradeWriterMessage,
    Unavailable,
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

    Duty: one transaction for all facts that wait, and for those that somebody else made before
    them; soon after, their entries leave their streams.
    Reads: its messages, which carry the facts; both streams. Writes: the ledger, `trade_outbox`,
    `position_outbox`; answers HTTP.
    Lease: none; a fact written twice is there once.
    While it is down, or Postgres is: trades go on and are durable in Redis; the drainer brings
    their facts over later. With Postgres away it answers at once instead of making all wait.
    """

    def __init__(
        self, sequence: FactSequence, ledger: Ledger, meter: TradeMeter | None = None
    ) -> None:
        super().__init__()
        self._meter = meter or TradeMeter()
        self._sequence = sequence
        self._ledger = ledger
        self._facts = FactWriter(sequence, ledger, WRITE_S)
        self._waiting: list[WriteFact] = []
        self._written: dict[int, dict[OutboxName, list[str]]] = {}  # by the life of Redis
        self._away = Event()
        self._why = ""
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
            "ailing": f"trades are durable in Redis only, {self._why}" if away else "",
        }

    def _take(self, request: WriteFact) -> None:
        self._waiting.append(request)
        if self._away.is_set() or len(self._waiting) >= BATCH:
            self._write()
        else:
            self.me.tell(BatchDue())  # one for every fact: a full mailbox may drop any

    def _write(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        durable: Durable = "redis"
        try:
            if not self._away.is_set():
                durable = self._written_to(batch)
        except Superseded as why:
            self._answer_late(batch, str(why))
            batch = []
        except LEDGER_AWAY as outage:
            self._leave("Postgres is away", str(outage).strip())
        except OUTAGES as outage:
            log.warning("facts before a trade cannot be read", why=one_line(outage))
        finally:
            # Whatever happened: these facts were made, and Redis has them.
            for request in batch:
                request.reply.set(Executed(request.made, durable))
        self._meter.written[durable] += len(batch)
        if durable == "redis":
            self._left_behind += len(batch)

    def _written_to(self, batch: Sequence[WriteFact]) -> Durable:
        """Where *batch* is durable now."""
        written = self._facts.write(_stretch(batch))
        if written is None:
            self._leave("facts before them are on their way", "the drain has to catch up")
            return "redis"
        of_life = self._written.setdefault(written.life, defaultdict(list))
        for name, ids in written.ids.items():
            of_life[name] += ids
        return "postgres"

    def _answer_late(self, batch: Sequence[WriteFact], why: str) -> None:
        """Answer *batch*, of which Redis has lost what is not in the ledger, or has it still."""
        log.warning("redis was put back before trades of it were written", why=why)
        known: Collection[tuple[OutboxName, str]] = ()
        with suppress(*LEDGER_AWAY):
            known = self._ledger.known(_stretch(batch).facts)
        for request in batch:
            if (request.made.outbox, request.made.entry_id) in known:
                request.reply.set(Executed(request.made, "postgres"))
            else:
                request.reply.set(Unavailable("Redis has restarted since; it may have lost this"))

    def _delete(self) -> None:
        """Take what has been written off the streams; what a crash leaves there is drained."""
        written, self._written = self._written, {}
        for life, ids in written.items():
            self._sequence.delete(ids, life)

    def _leave(self, what: str, why: str) -> None:
        self._why = what
        self._away.set()
        log.warning("trades are durable in redis only", what=what, why=why)

    def _return(self) -> None:
        # Often told twice: the watch has begun another round when the first is handled.
        if self._away.is_set():
            self._away.clear()
            log.info("trades are durable in postgres again", left_behind=self._left_behind)

    def _watch_for_postgres(self) -> None:
        while True:
            self._away.wait()
            gevent.sleep(PROBE_S)
            with suppress(*OUTAGES):
                if self._facts.ready():
                    self.me.tell(PostgresReturned())


def _stretch(batch: Sequence[WriteFact]) -> Stretch:
    """The facts of *batch*, which are in the order in which they were made."""
    entries: dict[OutboxName, list[Entry]] = defaultdict(list)
    for request in batch:
        made = request.made
        entries[made.outbox].append(Entry(made.entry_id, made.entry))
    # Some may have been made before Redis was put back and others after it.
    oldest = min(min(turns(of_stream)) for of_stream in entries.values())
    return Stretch(entries, life_of(oldest))
