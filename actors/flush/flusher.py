"""Brings instruments, wallets, holdings and positions from Redis to Postgres all the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import structlog

from ...domain.clock import Monotonic
from ...store.drain import Drain, Flushed
from ...store.fence import Fence, Fenced
from ...store.lease import Lease
from ...store.states import Refusals
from ..actor import Actor
from ..leadership import Leadership
from ..meters import FlushMeter
from .messages import FlushDue, FlusherMessage, LeaseDue

RENEW_S = 2.0  #: real seconds between renewals; a third of the lease's time to live
LAG_S = 5.0  #: fifty intervals behind, something is wrong

log = structlog.get_logger(__name__)


class Flusher(Actor[FlusherMessage]):
    """Flushes what is dirty, every *interval_s* real seconds and at once while a backlog exists.

    Duty: Postgres lags Redis by a fraction of a second.
    Reads: `dirty:*` and the hashes behind them, both outboxes. Writes: `instruments`, `wallets`,
    `holdings`, `cfd_positions`, and what the drainers of the outboxes write.
    Lease: `lease:flusher`, fenced in Postgres; it saves double work, safety does not rest on it.
    While it is down: Redis accumulates, Postgres lags, trading goes on; nothing is lost.
    """

    def __init__(
        self,
        drain: Drain,
        lease: Lease,
        fence: Fence,
        interval_s: float,
        monotonic: Monotonic,
        meter: FlushMeter | None = None,
    ) -> None:
        super().__init__()
        self._meter = meter or FlushMeter()
        self._drain = drain
        self._lease = lease
        self._fence = fence
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._leadership = Leadership(lease, fence, monotonic, self._meter)
        self._last = Flushed()

    def started(self) -> None:
        # A crash makes nobody level: the lag goes on from the last flush that was.
        self._meter.level_at = self._meter.level_at or self._monotonic()
        self._leadership.renew()
        self.every(RENEW_S, LeaseDue())
        self.every(self._interval_s, FlushDue())

    def receive(self, message: FlusherMessage) -> None:
        match message:
            case FlushDue():
                if self._lease.held():
                    self._flush()
            case LeaseDue():
                self._leadership.renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        held, level_at, meter = self._lease.held(), self._meter.level_at, self._meter
        lag_s = self._monotonic() - level_at if held and level_at else None
        return {
            "lease": held,
            "lag_s": None if lag_s is None else round(lag_s, 3),
            "backlog": meter.backlog,
            "refused": meter.refused,
            "ailing": _ailing(lag_s or 0.0, meter.refused),
        }

    def _flush(self) -> None:
        began_at = self._monotonic()
        try:
            flushed = self._drain.flush(self._fence)
        except Fenced as fenced:
            log.warning("another flusher took over", why=str(fenced))
            self._leadership.lose()
            return
        _report(flushed.refusals, self._last.refusals)
        self._last = flushed
        self._count(flushed)
        if flushed.more:
            self.me.tell(FlushDue())
        else:
            self._meter.level_at = began_at

    def _count(self, flushed: Flushed) -> None:
        meter = self._meter
        meter.rows.update({state.value: rows for state, rows in flushed.written.items()})
        meter.facts["flusher"] += flushed.facts
        meter.backlog = flushed.waiting - flushed.acked
        meter.refused = len(flushed.refusals)


def _ailing(lag_s: float, refused: int) -> str:
    if lag_s > LAG_S:
        return f"Postgres is {lag_s:.0f} s behind Redis"
    return f"states that Postgres refuses: {refused}" if refused else ""


def _report(refusals: Refusals, known: Refusals) -> None:
    # A refused state comes up again with every flush; it is news once.
    for (state, member), why in refusals.items():
        if (state, member) not in known:
            log.error("state refused", state=state.value, member=member, why=why.strip())
