"""The desk for positions: commands go to the `trade-executor` as orders do.

A script that finds a tick nobody has checked a position at refuses to change or close it. The desk
has the position checked then, which may close it, and sends the command again.

Source: docs/market.md, "Changing a position".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from gevent.event import AsyncResult

from ..actors.address import Address
from ..actors.meters import TradeMeter
from ..actors.trading.messages import Execute, Unavailable
from ..domain.clock import Monotonic
from ..domain.position_events import PositionEvent
from ..domain.refusals import Refusal, Refused
from ..store.outage import OUTAGES
from ..store.position_commands import (
    CloseCommand,
    Happened,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
)
from .desk import ANSWER_S, NO_ROOM, Answer, result_of

CHECKS = 3  #: how often a position is checked for one command; prices may move on meanwhile

LATE = Unavailable("no answer in time: it may have been carried out")
NO_CHECK = Unavailable("the position cannot be checked", tried=False)
OUTRUN = Unavailable("prices move faster than the position can be checked", tried=False)

Wish = OpenCommand | CloseCommand | StopsCommand | MarginCommand


class Checker(Protocol):
    """Whoever checks positions against the ticks since they were checked last."""

    def check(self, position: PositionKey) -> Happened | None:
        """Bring one position up to now; its close, if a tick has closed it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command came to; *closed* is the close that a check before it came to."""

    answer: Answer
    closed: PositionEvent | None = None


class PositionDesk:
    """Has positions opened, closed and changed."""

    def __init__(
        self,
        executor: Address[Execute],
        scanner: Checker,
        answer_s: float = ANSWER_S,
        *,
        meter: TradeMeter | None = None,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._executor = executor
        self._scanner = scanner
        self._answer_s = answer_s
        self._meter = meter or TradeMeter()
        self._monotonic = monotonic

    def carry_out(self, wish: Wish) -> Reply:
        """Have *wish* carried out, replayed or refused.

        Unavailable means that the outcome is not known: only the same command may follow.
        """
        began_at = self._monotonic()
        reply = self._carry_out(wish, began_at + self._answer_s)
        self._meter.answers.add(self._monotonic() - began_at)
        self._meter.results[result_of(reply.answer)] += 1
        return reply

    def _carry_out(self, wish: Wish, until: float) -> Reply:
        reply = Reply(self._execute(wish, until))
        for _ in range(CHECKS):
            if isinstance(wish, OpenCommand) or not _unchecked(reply.answer):
                return reply
            try:
                close = self._scanner.check(wish.position)
            except OUTAGES:
                return Reply(NO_CHECK)
            answer = self._execute(wish, until)
            reply = Reply(answer, close.event if close else reply.closed)
        return Reply(OUTRUN) if _unchecked(reply.answer) else reply

    def _execute(self, wish: Wish, until: float) -> Answer:
        reply: AsyncResult[Answer] = AsyncResult()
        if not self._executor.tell(Execute(wish, reply)):
            return NO_ROOM
        reply.wait(max(0.0, until - self._monotonic()))
        if not reply.ready():
            # Answered here, the executor passes it over.
            reply.set(LATE)
        answer: Answer = reply.get()
        return answer


def _unchecked(answer: Answer) -> bool:
    """Whether a tick may have closed the position, and somebody has to look first."""
    if isinstance(answer, Unavailable) or not isinstance(answer.outcome, Refused):
        return False
    return answer.outcome.code is Refusal.SCAN_FIRST
