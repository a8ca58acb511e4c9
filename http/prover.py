"""One run of all proofs at a time, which may outlive the request that asked for it."""

from __future__ import annotations

import time
from typing import Protocol

import gevent
import structlog

from ..domain.clock import Monotonic
from ..store.outage import OUTAGES, one_line
from ..store.reconcile import Report

WAIT_S = 20.0  #: real seconds a client waits for the outcome
#: Real seconds a run may take. The reconciler's own may take longer; whoever is in need of one
#: that does has `touchline reconcile`.
LONGEST_S = 300.0

log = structlog.get_logger(__name__)


class Books(Protocol):
    """What can be proved, and where it is kept what came of it."""

    def prove(self) -> Report:
        """Run every proof, however long it takes."""

    def keep(self, report: Report, took_s: float) -> None:
        """Keep what came of a run."""


class Prover:
    """Proves *books* beside the requests."""

    def __init__(self, books: Books, monotonic: Monotonic = time.monotonic) -> None:
        self._books = books
        self._monotonic = monotonic
        self._running: gevent.Greenlet | None = None

    def run(self, wait_s: float = WAIT_S) -> bool:
        """Prove the books, or wait for a run under way; False if it still is after *wait_s*.

        Raises:
            TimeoutError: it took longer than `LONGEST_S`.
            an outage that ended the run.
        """
        if self._running is None or self._running.ready():
            self._running = gevent.spawn(self._attempt)
        running = self._running
        running.join(wait_s)
        if not running.ready():
            return False
        if isinstance(running.value, Exception):
            raise running.value
        return True

    def _attempt(self) -> Exception | None:
        """None, or the outage: a greenlet that raises prints it."""
        began_at = self._monotonic()
        late = TimeoutError(f"the books take longer than {LONGEST_S:g} s to prove")
        try:
            with gevent.Timeout(LONGEST_S, late):
                report = self._books.prove()
                self._books.keep(report, self._monotonic() - began_at)
        except TimeoutError:
            log.warning("the books could not be proved", error=str(late))
            return late
        except OUTAGES as outage:
            log.warning("the books could not be proved", error=one_line(outage))
            return outage
        return None
