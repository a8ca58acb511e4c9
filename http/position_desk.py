"""The desk for positions: commands go to the `trade-executor` as orders do.

A script that finds a tick nobody has checked a position at refuses to change or close it. The desk
has the position checked then, which may close it, and sends the command again.

Source: docs/market.md, "Changing a position".
"""

from __future__ import annotations

import time
from typing import Protocol

from gevent.event import AsyncResult

from ..actors.address import Address
from ..actors.meters import TradeMeter
from ..actors.trading.messages import Execute, Unavailable
from ..domain.clock import Monotonic
from ..domain.refusals import Refusal, Refused
from ..store.position_commands import (
    CloseCommand,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
)
from .desk import ANSWER_S, NO_ROOM, Answer, result_of

CHECKS = 3  #: how often a position is checked for one command; prices may move on meanwhile

LATE = Unavailable("no answer in time: it may have been carried out")
OUTRUN = Unavailable("prices move faster than the position can be checked", tried=False)

Wish = OpenCommand | CloseCommand | StopsCommand | MarginCommand


class Checker(Protocol):
    """Whoever checks positions against the ticks since they were checked last."""

    def check(self, position: PositionKey) -> object:
        """Bring one position up to now, which may close it."""


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

    def carry_out(self, wish: Wish) -> Answer:
        """Have *wish* carried out, replayed or refused.

        Unavailable means that the outcome is not known: only the same command may follow.
        """
        began_at = self._monotonic()
        answer = self._carry_out(wish, began_at + self._answer_s)
        self._meter.answers.add(self._monotonic() - began_at)
        self._meter.results[result_of(answer)] += 1
        return answer

    def _carry_out(self, wish: Wish, until: float) -> Answer:
        answer = self._execute(wish, until)
        for _ in range(CHECKS):
            if isinstance(wish, OpenCommand) or not _unchecked(answer):
                return answer
            self._scanner.check(wish.position)
            answer = self._execute(wish, until)
        return OUTRUN if _unchecked(answer) else answer

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
