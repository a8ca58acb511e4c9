"""Makes candles of the ticks, and lets go of ticks that nobody needs any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, assert_never

import structlog

from ...domain.candles import SECONDS_KEPT_MS, Interval
from ...domain.clock import Calendar, Monotonic
from ...store.fence import Fence, Fenced
from ...store.lease import Lease
from ...store.rolling import Done
from ..actor import Actor
from ..leadership import Leadership
from ..meters import CandleMeter
from .messages import CandleRollerMessage, LeaseDue, RollDue, TidyDue

ROLL_S = 1.0  #: real seconds; the shortest candles are of one second
TIDY_S = 60.0
RENEW_S = 2.0  #: a third of the lease's time to live
LAG_S = 60.0  #: as many rounds missed, something is wrong

log = structlog.get_logger(__name__)


class Streams(Protocol):
    """Tick streams and the candles made of them; `store/rolling.py` has the real ones."""

    def roll(self, fence: Fence) -> Done:
        """Put the next ticks into candles."""

    def trim(self) -> int:
        """Drop a bounded number of ticks that are kept no longer; how many."""

    def forget(self, interval: Interval, before_ms: int) -> int:
        """Delete a bounded number of old candles; how many."""


class CandleRoller(Actor[CandleRollerMessage]):
    """Rolls ticks up into candles every second, and tidies behind them every minute.

    Duty: each tick is in its candles once, and streams do not grow for ever.
    Reads: `ticks:{idx}`, `inst:{idx}`, `watch:{idx}`, `open:inst:{idx}`. Writes: `price_candles`,
    `week_prices` and `candle_cursors` in one transaction; trims `ticks:{idx}`.
    Lease: `lease:candle-roller`, fenced in Postgres; it saves double work, the cursors make any
    number safe.
    While it is down: candles end, and Redis keeps all ticks; it goes on where it was.
    """

    def __init__(
        self,
        streams: Streams,
        lease: Lease,
        fence: Fence,
        calendar: Calendar,
        monotonic: Monotonic,
        meter: CandleMeter,
    ) -> None:
        super().__init__()
        self._streams = streams
        self._lease = lease
        self._fence = fence
        self._calendar = calendar
        self._monotonic = monotonic
        self._meter = meter
        self._leadership = Leadership(lease, fence, monotonic, self._meter)

    def started(self) -> None:
        self._meter.level_at = self._meter.level_at or self._monotonic()
        self._leadership.renew()
        self.every(RENEW_S, LeaseDue())
        self.every(ROLL_S, RollDue())
        self.every(TIDY_S, TidyDue())

    def receive(self, message: CandleRollerMessage) -> None:
        match message:
            case RollDue():
                if self._lease.held():
                    self._roll()
            case TidyDue():
                if self._lease.held():
                    self._tidy()
            case LeaseDue():
                self._leadership.renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        held, meter = self._lease.held(), self._meter
        lag_s = meter.lag_s(self._monotonic()) if held else None
        late = lag_s is not None and lag_s > LAG_S
        return {
            "lease": held,
            "lag_s": None if lag_s is None else round(lag_s, 3),
            "ticks": meter.ticks,
            "trimmed": meter.trimmed,
            "ailing": f"prices are {lag_s:.0f} s ahead of candles" if late else "",
        }

    def _roll(self) -> None:
        began_at = self._monotonic()
        try:
            done = self._streams.roll(self._fence)
        except Fenced as fenced:
            log.warning("another candle-roller took over", why=str(fenced))
            self._leadership.lose()
            return
        self._meter.ticks += done.ticks
        self._meter.rows += done.rows
        if done.more:
            self.me.tell(RollDue())
        else:
            self._meter.level_at = began_at

    def _tidy(self) -> None:
        trimmed = self._streams.trim()
        before_ms = self._calendar() - SECONDS_KEPT_MS
        forgotten = self._streams.forget(Interval.SECOND, before_ms)
        self._meter.trimmed += trimmed
        self._meter.forgotten += forgotten
        if trimmed or forgotten:
            self.me.tell(TidyDue())
