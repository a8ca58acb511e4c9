"""Releases the orders that wait in play, when their time has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from ...domain.clock import Calendar, Monotonic
from ...store.lease import Lease
from ...store.release import Release, Released
from ..actor import Actor
from ..meters import OrderMeter, TradeMeter
from .messages import LeaseDue, OrderReleaserMessage, ReleaseDue

RELEASE_S = 0.05  #: real seconds between two looks; at most so much is added to a delay
RENEW_S = 2.0  #: real seconds between renewals; a third of the lease's time to live
OVERDUE_S = 5.0  #: a hundred looks behind, something is wrong


class OrderReleaser(Actor[OrderReleaserMessage]):
    """Carries out, every 50 ms, the orders whose release lies behind by the calendar.

    Duty: an order accepted in play is filled or rejected at the price when its delay is over.
    Reads: `pending:orders`, `order:{id}`, instruments. Writes: through the scripts that trade,
    and `order_done.lua`.
    Lease: `lease:order-release`; it saves double work, an order's own key keeps it from
    being carried out twice.
    While it is down: orders are accepted and wait; the next holder releases them, at the price
    of then.
    """

    def __init__(
        self,
        release: Release,
        lease: Lease,
        calendar: Calendar,
        monotonic: Monotonic,
        meter: OrderMeter | None = None,
        trades: TradeMeter | None = None,
    ) -> None:
        super().__init__()
        self._meter = meter or OrderMeter()
        self._trades = trades or TradeMeter()
        self._release = release
        self._lease = lease
        self._calendar = calendar
        self._monotonic = monotonic

    def started(self) -> None:
        self._renew()
        self.every(RENEW_S, LeaseDue())
        self.every(RELEASE_S, ReleaseDue())

    def receive(self, message: OrderReleaserMessage) -> None:
        match message:
            case ReleaseDue():
                if self._lease.held():
                    self._run()
            case LeaseDue():
                self._renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        overdue_s = self._overdue_s()
        late = overdue_s is not None and overdue_s > OVERDUE_S
        return {
            "lease": self._lease.held(),
            "waiting": self._meter.waiting.get(),
            "overdue_s": None if overdue_s is None else round(overdue_s, 3),
            "ailing": f"orders are released {overdue_s:.0f} s late" if late else "",
        }

    def _renew(self) -> None:
        if self._lease.renew() and self._lease.token != self._meter.token:
            # Another was in time meanwhile, or nobody was: late is what we are from here on.
            self._meter.token, self._meter.level_at = self._lease.token, self._monotonic()

    def _run(self) -> None:
        began_at = self._monotonic()
        released = self._release.run(self._calendar(), self._lease.held)
        self._count(released)
        if released.level:
            self._meter.level_at = began_at
        elif released.more:
            self.me.tell(ReleaseDue())

    def _count(self, released: Released) -> None:
        self._meter.results["filled"] += released.filled
        self._meter.results["rejected"] += released.rejected
        self._meter.waiting.put(released.waiting)
        self._trades.ticks += released.trades

    def _overdue_s(self) -> float | None:
        """Real seconds since nothing was due that had not been released."""
        if not self._lease.held():
            return None
        return self._monotonic() - self._meter.level_at
