"""Checks everything that is open, from time to time, whatever else was missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, assert_never

import structlog

from ...domain.ids import TREASURY, UserId
from ...domain.position_events import By
from ...store.lease import Lease
from ...store.position_commands import PositionKey
from ...store.scan import Scan
from ...store.scanner import Scanner
from ...store.sweeping import Sweeping
from ..actor import Actor
from ..meters import SweepMeter
from .grouping import by_club
from .messages import BackstopSweeperMessage, LeaseDue, SweepDue, WorkDue

SWEEP_S = 300.0  #: real seconds: as long as a breached position may stay open, whatever failed
FIRST_S = 10.0  #: after a start, when the others have had their turn
RENEW_S = 2.0
PAGE = 100  #: users whose positions are scanned together; at most twenty each

log = structlog.get_logger(__name__)


class OpenPositions(Protocol):
    """What is open, as Postgres has it."""

    def open_by_user(
        self, after: UserId, limit: int
    ) -> Sequence[tuple[UserId, Sequence[PositionKey]]]:
        """At most *limit* users above *after* with their open positions."""


class BackstopSweeper(Actor[BackstopSweeperMessage]):
    """Scans all open positions every five minutes, page by page.

    Duty: no breached position stays open longer than that, though its owner never comes back, no
    watcher ran, or a word was lost on the way.
    Reads: `cfd_positions` in Postgres, positions and ticks in Redis. Writes: closes, by the script;
    `dirty:positions` where Postgres has missed one.
    Lease: `lease:margin-backstop`; it saves double work, the scripts make any number safe.
    While it is down: the stop-watcher and the reconnect-listener alone see to the stops.
    """

    def __init__(
        self,
        books: OpenPositions,
        sweeping: Sweeping,
        scanner: Scanner,
        lease: Lease,
        meter: SweepMeter,
    ) -> None:
        super().__init__()
        self._books = books
        self._sweeping = sweeping
        self._scanner = scanner
        self._lease = lease
        self._meter = meter
        self._scan: Scan | None = None
        self._after: UserId | None = None  # the last user of the page at hand; None between sweeps

    def started(self) -> None:
        self._lease.renew()
        self.every(RENEW_S, LeaseDue())
        self.every(SWEEP_S, SweepDue())
        self.after(FIRST_S, SweepDue())

    def receive(self, message: BackstopSweeperMessage) -> None:
        match message:
            case SweepDue():
                if self._lease.held() and self._after is None:
                    self._after = TREASURY
                    self.me.tell(WorkDue())
            case WorkDue():
                self._work()
            case LeaseDue():
                self._lease.renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        return {
            "lease": self._lease.held(),
            "sweeping": self._after is not None,
            "sweeps": self._meter.sweeps,
            **self._meter.differences,
        }

    def _work(self) -> None:
        """Do one bounded piece: a step of a page's scan, or the look at the next page."""
        if self._after is None or not self._lease.held():
            self._scan = self._after = None  # whoever holds it now sweeps, and from the start
            return
        if self._scan is None:
            self._turn_page(self._after)
        elif not self._scan.step():
            if self._scan.left:
                log.error("positions cannot be closed", positions=self._scan.left)
            self._scan = None
        if self._after is not None:
            self.me.tell(WorkDue())

    def _turn_page(self, after: UserId) -> None:
        page = self._books.open_by_user(after, PAGE)
        if not page:
            self._after = None
            self._meter.sweeps += 1
            return
        self._after = page[-1][0]
        positions = [key for _, keys in page for key in keys]
        self._compare([key.id for key in positions])
        self._meter.positions += len(positions)
        self._scan = self._scanner.begin(
            by_club((key.idx, key.id) for key in positions), By.BACKSTOP_SWEEPER
        )

    def _compare(self, positions: Sequence[str]) -> None:
        compared = self._sweeping.compare(positions)
        self._meter.differences["missing"] += len(compared.missing)
        self._meter.differences["closed"] += len(compared.closed)
        for position_id in compared.missing:
            log.error("a position open in postgres is not in redis", position=position_id)
        for position_id in compared.closed:
            log.warning("postgres had missed a close", position=position_id)
