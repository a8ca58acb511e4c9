"""The desk: takes an order from HTTP to the `trade-executor` and its outcome back.

An order for an amount is turned into a quantity here, by the price of the
moment; see domain/notional.py for what holds when the price moves meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from gevent.event import AsyncResult

from ..actors.address import Address
from ..actors.meters import TradeMeter
from ..actors.trading.messages import Executed, ExecuteTrade, Unavailable
from ..domain.clock import Calendar, Monotonic
from ..domain.ids import InstrumentIdx, UserId, uuid7
from ..domain.notional import Sized, sized
from ..domain.refusals import Refusal, Refused
from ..domain.trading import Side
from ..store.commands import Filled, Replayed, TradeCommand
from ..store.hot import Hot

ANSWER_S = 5.0  #: longest wait for the executor; it answers in milliseconds or says why not
ATTEMPTS = 4  #: how often an order for an amount is sized anew when the price runs away


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as asked for: either *qty* (1e-3 share) or *notional_e4* (1e-4 coin) is given."""

    user: UserId
    idx: InstrumentIdx
    side: Side
    qty: int | None
    notional_e4: int | None
    bound_px: int | None
    client_order_id: str | None
    idem_key: str
    fingerprint: str


class Desk:
    """Places orders."""

    def __init__(
        self,
        hot: Hot,
        executor: Address[ExecuteTrade],
        calendar: Calendar,
        answer_s: float = ANSWER_S,
        *,
        meter: TradeMeter | None = None,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._hot = hot
        self._answer_s = answer_s
        self._executor = executor
        self._calendar = calendar
        self._meter = meter or TradeMeter()
        self._monotonic = monotonic

    def place(self, wanted: Wanted) -> Executed | Unavailable:
        """Have *wanted* carried out, replayed or refused.

        Unavailable means that the outcome is not known: only the same order
        under the same key may follow.
        """
        began_at = self._monotonic()
        answer = self._place(wanted)
        self._meter.answers.add(self._monotonic() - began_at)
        self._meter.results[_result(answer)] += 1
        return answer

    def _place(self, wanted: Wanted) -> Executed | Unavailable:
        if wanted.notional_e4 is None:
            return self._execute(wanted, Sized(wanted.qty or 0, wanted.bound_px))
        return self._place_amount(wanted, wanted.notional_e4)

    def _place_amount(self, wanted: Wanted, notional_e4: int) -> Executed | Unavailable:
        for _ in range(ATTEMPTS):
            instrument = self._hot.instrument(wanted.idx)
            if instrument is None:
                return Executed(Refused(Refusal.INSTRUMENT_UNKNOWN), None)
            # A quantity of 0 goes to the executor as well: what it refuses may
            # be the retry of an order that was filled at an earlier price.
            size = sized(instrument, wanted.side, notional_e4, wanted.bound_px)
            answer = self._execute(wanted, size)
            if not _outrun(answer, wanted):
                break
        return answer

    def _execute(self, wanted: Wanted, size: Sized) -> Executed | Unavailable:
        now_ms = self._calendar()
        command = TradeCommand(
            trade_id=uuid7(now_ms),
            user=wanted.user,
            idx=wanted.idx,
            side=wanted.side,
            qty=size.qty,
            bound_px=size.bound_px,
            idem_key=wanted.idem_key,
            fingerprint=wanted.fingerprint,
            client_order_id=wanted.client_order_id,
            now_ms=now_ms,
        )
        reply: AsyncResult[Executed | Unavailable] = AsyncResult()
        if not self._executor.tell(ExecuteTrade(command, reply)):
            return Unavailable("more orders wait than can be carried out", tried=False)
        reply.wait(timeout=self._answer_s)
        if not reply.ready():
            # Answered here, the executor passes it over: an order that nobody
            # waits for any more must not be carried out after an outage.
            reply.set(Unavailable("no answer in time: the order may have been carried out"))
        answer: Executed | Unavailable = reply.get()
        return answer


def _result(answer: Executed | Unavailable) -> tuple[str, str]:
    """The answer as it is counted: what it was and, where it was a refusal, its code."""
    if isinstance(answer, Unavailable):
        return "unavailable", ""
    match answer.outcome:
        case Filled():
            return "filled", ""
        case Replayed():
            return "replayed", ""
        case Refused(code):
            return "refused", code.value


def _outrun(answer: Executed | Unavailable, wanted: Wanted) -> bool:
    """Whether the price has passed the order's own sizing, and not what the user bound it to."""
    if isinstance(answer, Unavailable) or not isinstance(answer.outcome, Refused):
        return False
    refused = answer.outcome
    if refused.code is not Refusal.PRICE_BOUND_EXCEEDED or wanted.side is Side.SELL:
        return False
    return wanted.bound_px is None or int(refused.details["quoted_px"]) <= wanted.bound_px
