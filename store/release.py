"""The release of orders that waited: each is carried out once, and its record closed.

An order is carried out under its release key, and only while it waits. So a run that died between
two steps is run again, of two runs at once only one is believed, and one that stood still while
Redis lost the order does not carry it out: its client may have sent it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..domain.notional import ATTEMPTS, in_turns, outrun
from ..domain.orders import CloseTerms, DelayedOrder, OrderStatus, TradeTerms
from ..domain.refusals import Refusal, Refused
from .commands import Delayed, Filled, OrderDone, Outcome, Replayed
from .hot import Hot
from .order_kinds import position_of, released
from .orders import Orders
from .position_commands import Happened, HappenedBefore
from .scanner import Scanner
from .scripts import Scripts

BATCH = 256  #: orders in one run; as many as the executor sends in one pipeline


@dataclass(frozen=True, slots=True)
class Released:
    """What one run did, and what it left."""

    #: Orders whose records were closed, by how.
    filled: int = 0
    rejected: int = 0
    found_closed: int = 0  #: by another run
    trades: int = 0  #: made by this run; an earlier one may have died before it closed a record
    due: int = 0  #: orders that were due, as far as was looked
    waiting: int = 0  #: orders that wait on, due or not

    @property
    def level(self) -> bool:
        """Whether nothing is left that was due."""
        return self.due < BATCH and self.due == self.closed

    @property
    def more(self) -> bool:
        """Whether another run should follow at once."""
        return self.due >= BATCH and self.closed > 0

    @property
    def closed(self) -> int:
        """Orders whose records were closed, by this run or by one beside it."""
        return self.filled + self.rejected + self.found_closed


class Release:
    """Carries out what is due."""

    def __init__(self, orders: Orders, hot: Hot, scripts: Scripts, scanner: Scanner) -> None:
        self._orders = orders
        self._hot = hot
        self._scripts = scripts
        self._scanner = scanner

    def run(self, now_ms: int, may_go_on: Callable[[], bool]) -> Released:
        """Release what is due at *now_ms* (calendar), oldest first, at most `BATCH`.

        Args:
            may_go_on: asked before every round trip that trades; orders wait on once it is False.
        """
        due = self._orders.due(now_ms, BATCH)
        statuses: list[OrderStatus | Refused] = []
        trades = 0
        for turn in in_turns(due.orders, lambda order: order.notional_e4 is not None):
            if not may_go_on():
                break
            outcomes = self._carry_out(turn, now_ms)
            trades += sum(isinstance(outcome, Filled | Happened) for outcome in outcomes)
            statuses += self._scripts.orders_done(
                [
                    OrderDone(order, _refusal(outcome), now_ms)
                    for order, outcome in zip(turn, outcomes, strict=True)
                    if not _unchecked(outcome)
                ]
            )
        return Released(
            filled=statuses.count(OrderStatus.FILLED),
            rejected=statuses.count(OrderStatus.REJECTED),
            found_closed=sum(isinstance(status, Refused) for status in statuses),
            trades=trades,
            due=due.ids,
            waiting=due.waiting - len(statuses),
        )

    def _carry_out(self, turn: Sequence[DelayedOrder], now_ms: int) -> Sequence[Outcome | Delayed]:
        first = turn[0]
        if isinstance(first.terms, TradeTerms) and first.terms.notional_e4 is not None:
            return [self._carry_out_amount(first, first.terms, now_ms)]
        outcomes = self._scripts.execute([released(order, None, now_ms) for order in turn])
        return [
            self._checked(order, order.terms, now_ms)
            if isinstance(order.terms, CloseTerms) and _unchecked(outcome)
            else outcome
            for order, outcome in zip(turn, outcomes, strict=True)
        ]

    def _checked(self, order: DelayedOrder, terms: CloseTerms, now_ms: int) -> Outcome | Delayed:
        """The outcome once the position was looked at; one that prices outrun waits on."""
        self._scanner.check(position_of(order, terms))
        return self._scripts.execute([released(order, None, now_ms)])[0]

    def _carry_out_amount(
        self, order: DelayedOrder, terms: TradeTerms, now_ms: int
    ) -> Outcome | Delayed:
        for _ in range(ATTEMPTS):
            instrument = self._hot.instrument(order.idx)
            [outcome] = self._scripts.execute([released(order, instrument, now_ms)])
            if not (isinstance(outcome, Refused) and outrun(outcome, terms.side, terms.bound_px)):
                break
        return outcome


def _refusal(outcome: Outcome | Delayed) -> Refused | None:
    match outcome:
        case Filled() | Replayed() | Happened() | HappenedBefore():
            return None
        case Refused():
            return outcome
        case _:
            raise TypeError(f"no outcome of a release: {outcome}")


def _unchecked(outcome: Outcome | Delayed) -> bool:
    """Whether a tick may have closed the position, and somebody has to look first."""
    return isinstance(outcome, Refused) and outcome.code is Refusal.SCAN_FIRST
