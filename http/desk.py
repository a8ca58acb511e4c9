"""The desk: takes orders from HTTP to the `trade-executor` and their outcomes back.

An order for an amount is turned into a quantity here, by the price of the
moment; see domain/notional.py for what holds when the price moves meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import gevent
from gevent.event import AsyncResult

from ..actors.address import Address
from ..actors.meters import TradeMeter
from ..actors.trading.messages import Execute, Executed, Unavailable
from ..domain.clock import Calendar, Monotonic
from ..domain.ids import InstrumentIdx, UserId, uuid7
from ..domain.notional import ATTEMPTS, Sized, in_turns, outrun, sized
from ..domain.orders import TradeTerms
from ..domain.refusals import Refusal, Refused
from ..domain.trading import Side
from ..store.commands import Accepted, Awaited, Filled, Replayed, TradeCommand
from ..store.hot import Hot
from ..store.outage import OUTAGES
from ..store.position_commands import Happened, HappenedBefore

ANSWER_S = 5.0  #: longest wait for the executor; it answers in milliseconds or says why not

Answer = Executed | Unavailable

NO_ROOM = Unavailable("more orders wait than can be carried out", tried=False)
LATE = Unavailable("no answer in time: the order may have been carried out")
NO_PRICE = Unavailable("the price cannot be read", tried=False)
NO_TIME = Unavailable("the time for the batch was over before its turn", tried=False)
LEFT_OUT = Unavailable("an order before it has no outcome, so it was not tried", tried=False)


class Patience:
    """Answers `LATE` to orders whose time is over: one timer for all of them.

    A timer for each is about half of what it costs to wait (15 µs with it, 7 without).
    """

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._waiting: deque[tuple[float, AsyncResult[Answer]]] = deque()
        self._armed = False

    def watch(self, replies: Iterable[AsyncResult[Answer]], until: float) -> None:
        """Set those of *replies* that are not set *until* then."""
        self._forget_answered()
        self._waiting.extend((until, reply) for reply in replies)
        self._arm()

    def _arm(self) -> None:
        if self._waiting and not self._armed:
            self._armed = True
            gevent.spawn_later(max(0.0, self._waiting[0][0] - self._monotonic()), self._end_waits)

    def _end_waits(self) -> None:
        self._armed = False
        now = self._monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, reply = self._waiting.popleft()
            if not reply.ready():
                # Answered here, the executor passes it over: an order that nobody
                # waits for any more must not be carried out after an outage.
                reply.set(LATE)
        self._forget_answered()
        self._arm()

    def _forget_answered(self) -> None:
        # They are answered nearly in their order, so few outlive their answer here.
        while self._waiting and self._waiting[0][1].ready():
            self._waiting.popleft()


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
        executor: Address[Execute],
        calendar: Calendar,
        answer_s: float = ANSWER_S,
        *,
        delay_ms: int = 0,
        paused: Callable[[], bool] = lambda: False,
        meter: TradeMeter | None = None,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._hot = hot
        self._answer_s = answer_s
        self._executor = executor
        self._calendar = calendar
        self._delay_ms = delay_ms
        self._paused = paused
        self._meter = meter or TradeMeter()
        self._monotonic = monotonic
        self._patience = Patience(monotonic)

    def place(self, wanted: Wanted) -> Answer:
        """Have *wanted* carried out, filed until its release, replayed or refused.

        Unavailable means that the outcome is not known: only the same order
        under the same key may follow.
        """
        return self.place_all([wanted])[0]

    def place_all(self, orders: Sequence[Wanted]) -> list[Answer]:
        """Have *orders* carried out one after the other; the answers are in their order.

        Each meets what those before it left. They share the time that one order has for its
        answer. Once one is without an outcome, those that were not sent by then are not tried.
        """
        began_at = self._monotonic()
        until = began_at + self._answer_s
        answers: list[Answer] = []
        for run in in_turns(orders, lambda wanted: wanted.notional_e4 is not None):
            why_not = self._why_not(answers, until)
            found = [why_not] * len(run) if why_not else self._place_run(run, until)
            for answer in found:
                self._meter.answers.add(self._monotonic() - began_at)
                self._meter.results[result_of(answer)] += 1
            answers += found
        return answers

    def _why_not(self, answers: Sequence[Answer], until: float) -> Unavailable | None:
        if not answers:
            return None
        if any(isinstance(answer, Unavailable) for answer in answers):
            return LEFT_OUT
        return NO_TIME if self._monotonic() >= until else None

    def _place_run(self, run: Sequence[Wanted], until: float) -> Sequence[Answer]:
        first = run[0]
        if first.notional_e4 is not None:
            return [self._place_amount(first, first.notional_e4, until)]
        sizes = [Sized(wanted.qty or 0, wanted.bound_px) for wanted in run]
        return self._execute(run, sizes, until)

    def _place_amount(self, wanted: Wanted, notional_e4: int, until: float) -> Answer:
        for _ in range(ATTEMPTS):
            try:
                instrument = self._hot.instrument(wanted.idx)
            except OUTAGES:
                return NO_PRICE  # caught here, because orders before it may have been filled
            if instrument is None:
                return Executed(Refused(Refusal.INSTRUMENT_UNKNOWN), None)
            # A quantity of 0 goes to the executor as well: what it refuses may
            # be the retry of an order that was filled at an earlier price.
            size = sized(instrument, wanted.side, notional_e4, wanted.bound_px)
            [answer] = self._execute([wanted], [size], until)
            if not _outrun(answer, wanted) or self._monotonic() >= until:
                break
        return answer

    def _execute(
        self, run: Sequence[Wanted], sizes: Sequence[Sized], until: float
    ) -> Sequence[Answer]:
        # All are told before the first is waited for, so that they share a round trip.
        replies = self._tell(run, sizes)
        self._patience.watch(replies, until)
        return [reply.get() for reply in replies] + [NO_ROOM] * (len(run) - len(replies))

    def _tell(self, run: Sequence[Wanted], sizes: Sequence[Sized]) -> list[AsyncResult[Answer]]:
        """Hand orders on until one finds no room; those behind it must not overtake it."""
        now_ms = self._calendar()
        # Sorted, because lists of trades tell those of one millisecond apart by their ids.
        trade_ids = sorted(uuid7(now_ms) for _ in run)
        replies: list[AsyncResult[Answer]] = []
        for wanted, size, trade_id in zip(run, sizes, trade_ids, strict=True):
            reply: AsyncResult[Answer] = AsyncResult()
            command = self._command(wanted, size, trade_id, now_ms)
            if not self._executor.tell(Execute(command, reply)):
                break
            replies.append(reply)
        return replies

    def _command(self, wanted: Wanted, size: Sized, trade_id: str, now_ms: int) -> TradeCommand:
        return TradeCommand(
            trade_id=trade_id,
            user=wanted.user,
            idx=wanted.idx,
            side=wanted.side,
            qty=size.qty,
            bound_px=size.bound_px,
            idem_key=wanted.idem_key,
            fingerprint=wanted.fingerprint,
            client_order_id=wanted.client_order_id,
            now_ms=now_ms,
            delay_ms=self._delay_ms,
            paused=self._paused(),
            asked=TradeTerms(wanted.side, wanted.qty, wanted.notional_e4, wanted.bound_px),
        )


def result_of(answer: Answer) -> tuple[str, str]:
    """The answer as it is counted: what it was and, where it was a refusal, its code."""
    if isinstance(answer, Unavailable):
        return "unavailable", ""
    match answer.outcome:
        case Filled() | Happened():
            return "filled", ""
        case Accepted():
            return "pending", ""
        case Replayed() | Awaited() | HappenedBefore():
            return "replayed", ""
        case Refused(code):
            return "refused", code.value


def _outrun(answer: Answer, wanted: Wanted) -> bool:
    if isinstance(answer, Unavailable) or not isinstance(answer.outcome, Refused):
        return False
    return outrun(answer.outcome, wanted.side, wanted.bound_px)
