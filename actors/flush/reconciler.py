"""Proves the books from time to time, so that a wrong one is found before a person asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, assert_never

import structlog
from gevent.event import Event

from ...domain.clock import Monotonic
from ...store.lease import Lease
from ...store.reconcile import Report
from ...store.reconcile_runs import LastRun
from ..actor import Actor
from ..meters import ReconcileMeter
from .messages import LeaseDue, Proved, ReconcilerMessage

EVERY_S = 300.0  #: real seconds from the end of one run to the next
#: The pause after a run is at least as many times as long as the run: the proofs read the whole
#: ledger, and Postgres is to have four fifths of its time for those who trade.
REST = 4
FIRST_S = 20.0  #: real seconds after a start, when the others have had their turn
RENEW_S = 2.0

log = structlog.get_logger(__name__)


class Books(Protocol):
    """What can be proved, and where it is kept what came of it."""

    def prove(self) -> Report:
        """Run every proof, however long it takes."""

    def keep(self, report: Report, took_s: float) -> None:
        """Keep what came of a run."""

    def last(self) -> LastRun | None:
        """The newest run that was kept."""


class Reconciler(Actor[ReconcilerMessage]):
    """Runs all proofs of `touchline reconcile` every five minutes and tells what failed.

    Duty: books that do not agree show on the health pages and in the metrics within minutes.
    Reads: everything in Redis and Postgres, in pieces; the proofs run beside the actor.
    Writes: `reconcile_runs`; it repairs nothing.
    Lease: `lease:reconcile`; it saves double work.
    While it is down: nobody notices wrong books but by `touchline reconcile`.
    """

    def __init__(
        self, books: Books, lease: Lease, monotonic: Monotonic, meter: ReconcileMeter | None = None
    ) -> None:
        super().__init__()
        self._books = books
        self._lease = lease
        self._monotonic = monotonic
        self._meter = meter or ReconcileMeter()
        self._due = Event()
        self._proving = False
        self._next_at = 0.0
        self._token = 0

    def started(self) -> None:
        self._next_at = self._monotonic() + FIRST_S
        # Beside the actor: the lease has to be renewed while the proofs run.
        self.link(self._prove_when_due)
        self._renew()
        self.every(RENEW_S, LeaseDue())

    def receive(self, message: ReconcilerMessage) -> None:
        match message:
            case LeaseDue():
                self._renew()
            case Proved():
                self._keep(message.report, message.took_s)
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        meter = self._meter
        known = meter.ok is not None
        return {
            "lease": self._lease.held(),
            "proving": self._proving,
            "ok": meter.ok,
            "failed": list(meter.failed),
            "took_s": round(meter.took_s, 3) if known else None,
            "ended_s_ago": round(self._monotonic() - meter.ended_at) if known else None,
            "ailing": self._ailing(),
        }

    def _renew(self) -> None:
        if not self._lease.renew():
            return
        if self._lease.token != self._token:
            self._take_over()
            self._token = self._lease.token
        if self._monotonic() >= self._next_at and not self._proving:
            self._proving = True
            self._due.set()

    def _take_over(self) -> None:
        """Go on where the last holder was; a start soon after a run makes no other."""
        last = self._books.last()
        if last is not None:
            self._note(last.ok, last.failed, last.took_s, last.ended_s)

    def _keep(self, report: Report, took_s: float) -> None:
        failed = tuple(verdict.name for verdict in report.verdicts if not verdict.ok)
        self._note(report.ok, failed, took_s, ended_s=0.0)
        self._proving = False
        if failed:
            log.error("the books do not agree", failed=failed)
        self._books.keep(report, took_s)

    def _note(self, ok: bool, failed: tuple[str, ...], took_s: float, ended_s: float) -> None:
        meter, now = self._meter, self._monotonic()
        meter.ok, meter.failed, meter.took_s, meter.ended_at = ok, failed, took_s, now - ended_s
        self._next_at = max(self._next_at, meter.ended_at + max(EVERY_S, REST * took_s))

    def _ailing(self) -> str:
        if self._meter.ok is not False or not self._lease.held():
            return ""
        return f"the books do not agree: {', '.join(self._meter.failed)}"

    def _prove_when_due(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            began_at = self._monotonic()
            report = self._books.prove()
            self.me.tell(Proved(report, self._monotonic() - began_at))
