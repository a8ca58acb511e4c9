"""Ends weeks: their boards become final, and what everybody starts the next one with is written.

A week ends at Monday 00:00:00.000 UTC and between two facts, and nothing of what came before that
ever changes. So it makes no difference how late this is done or in how many pieces: see
`store/week_end.py`, and docs/decisions/0040-a-week-ends-between-two-facts.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import structlog

from ...domain.clock import Calendar, Monotonic
from ...domain.ids import InstrumentIdx, UserId
from ...domain.leaderboard import (
    MIN_TRADES,
    Board,
    Opening,
    Player,
    Ranked,
    Week,
    boards_of,
    score_e4,
    week_of,
)
from ...domain.week_end import Mark, Owned, Rollover, due, equity_e4, inexact
from ...store.fence import Fence, Fenced
from ...store.lease import Lease
from ...store.worth import Gift, Worth
from ..actor import Actor
from ..leadership import Leadership
from .messages import LeaseDue, LookDue, OwnersDue, WeekFreezerMessage
from .meters import WeekMeter

LOOK_S = 1.0  #: real seconds; of a calendar that hurries a week lasts a few
RENEW_S = 2.0  #: a third of the lease's time to live
BATCH = 100  #: users whose past is read in one go: 0.13 s for 10,000 of their trades
#: Real seconds for whoever read the calendar just before a week's end to have done what they meant
#: to. Asked for only as long as nobody has done anything after it.
GRACE_S = 3.0
LATE_S = 60.0  #: a week that has waited so long to be frozen waits for something

log = structlog.get_logger(__name__)


class Books(Protocol):
    """Weeks in Postgres; `store/weekly_books.py` has the real ones."""

    def latest(self) -> Week | None:
        """The last week that has been opened."""

    def everybody(self) -> list[Player]:
        """Who may be ranked, however much they trade."""

    def openings(
        self, week: Week | None, worths: Sequence[Worth], waiting: Sequence[Gift]
    ) -> dict[UserId, Opening]:
        """What the owners of *worths* started *week* with and were given."""

    def roll_over(
        self,
        fence: Fence,
        rollover: Rollover,
        boards: Mapping[Board, Sequence[Ranked]],
        worths: Sequence[Worth],
        now_ms: int,
        *,
        approximate: bool,
    ) -> bool:
        """Write how a week ended and the next one began; whether that had not been done before."""


class Past(Protocol):
    """How everything was when a week ended; `store/week_end.py` has the real one."""

    def facts_until_now(self) -> int | None:
        """Have all facts in Postgres; the version before the next, None if they are too many."""

    def prices_until(self, at_ms: int) -> bool:
        """Whether all prices until *at_ms* are known."""

    def first_fact_from(self, at_ms: int) -> int | None:
        """The version of the first fact of *at_ms* or later, if there is one."""

    def marks(self, at_ms: int) -> dict[InstrumentIdx, Mark]:
        """The marks of all clubs at *at_ms*."""

    def users(self) -> list[UserId]:
        """Everybody but the house."""

    def owned(self, users: Sequence[UserId], before: int, week: Week) -> list[Owned]:
        """What *users* owned before a fact, and how often they traded in *week*."""


@dataclass(slots=True)
class _Round:
    """Everybody being valued as of the instant of *rollover*."""

    rollover: Rollover
    before: int  #: the first fact that is not of the week that ended, or would be
    marks: Mapping[InstrumentIdx, Mark]
    waiting: list[UserId]  #: not yet valued
    worths: list[Worth] = field(default_factory=list)
    traded: set[UserId] = field(default_factory=set)  #: often enough to be ranked
    clubs: set[InstrumentIdx] = field(default_factory=set)  #: that anybody had a part in


class WeekFreezer(Actor[WeekFreezerMessage]):
    """Freezes each week once it has ended, and opens the next with the same valuation.

    Duty: the final board of every week, exact to the tick, whenever it is made.
    Reads: the ledger, parked facts and `week_prices` in Postgres; of Redis what is newest there.
    Writes: the facts that wait, into Postgres; `leaderboard_weekly`, `leaderboard_weeks` and
    `equity_snapshots`, once a week in one transaction.
    Lease: `lease:week-freezer`, fenced in Postgres.
    While it is down: a week that begins has no board; weeks that ended are frozen later, in order.
    """

    def __init__(
        self,
        books: Books,
        past: Past,
        lease: Lease,
        fence: Fence,
        calendar: Calendar,
        monotonic: Monotonic,
        meter: WeekMeter,
    ) -> None:
        super().__init__()
        self._books = books
        self._past = past
        self._lease = lease
        self._fence = fence
        self._calendar = calendar
        self._monotonic = monotonic
        self._meter = meter
        self._leadership = Leadership(lease, fence, monotonic, meter)
        self._round: _Round | None = None
        self._level: Week | None = None  # the present week, once it is known to be open
        self._begun: list[tuple[int, float]] = []  # weeks by when they were first seen to be on
        self._why = ""  # a week waits

    def started(self) -> None:
        self._meter.level_at = self._meter.level_at or self._monotonic()
        self._meter.seen_ms = self._meter.seen_ms or self._calendar()
        self._leadership.renew()
        self.every(RENEW_S, LeaseDue())
        self.every(LOOK_S, LookDue(), first_s=0.1)

    def receive(self, message: WeekFreezerMessage) -> None:
        match message:
            case LookDue():
                self._look()
            case OwnersDue():
                self._go_on()
            case LeaseDue():
                self._leadership.renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        held = self._lease.held()
        lag_s = self._meter.lag_s(self._monotonic()) if held else None
        late = lag_s is not None and lag_s > LATE_S
        return {
            "lease": held,
            "week": self._level and self._level.name,
            "frozen": self._meter.frozen,
            "waits_for": self._why,
            "ailing": f"a week waits for {self._why or 'its end'}, {lag_s:.0f} s" if late else "",
        }

    def _look(self) -> None:
        now_ms = self._calendar()
        present = week_of(now_ms)
        if not self._begun or self._begun[-1][0] != present.starts_ms:
            self._begun = [*self._begun[-99:], (present.starts_ms, self._monotonic())]
        if not self._lease.held() or self._round is not None:
            return
        if self._level != present:
            rollover = due(self._books.latest(), self._meter.seen_ms, now_ms)
            if rollover is not None:
                self._begin(rollover)
                return
        self._level, self._begun, self._why = present, self._begun[-1:], ""
        self._meter.level_at = self._monotonic()

    def _begin(self, rollover: Rollover) -> None:
        at_ms = rollover.at_ms
        next_fact = self._past.facts_until_now()
        if next_fact is None:
            self._why = "facts"
            return
        first = self._past.first_fact_from(at_ms)
        if first is None and self._monotonic() - self._over_since(at_ms) < GRACE_S:
            self._why = "what was begun before its end"
            return
        if not self._past.prices_until(at_ms):
            self._why = "prices"
            return
        self._why = ""
        before = next_fact if first is None else first
        self._round = _Round(rollover, before, self._past.marks(at_ms), self._past.users())
        self.me.tell(OwnersDue())

    def _over_since(self, at_ms: int) -> float:
        """Since when (monotonic) we know that the calendar has passed *at_ms*."""
        return next(seen for starts_ms, seen in self._begun if starts_ms >= at_ms)

    def _go_on(self) -> None:
        """Value some more users as of then, or write it all down."""
        round_ = self._round
        if round_ is None or not self._lease.held():
            self._round = None  # whoever leads now begins anew
            return
        if round_.waiting:
            batch, round_.waiting = round_.waiting[:BATCH], round_.waiting[BATCH:]
            self._value(round_, batch)
            self.me.tell(OwnersDue())
            return
        self._round = None
        try:
            self._finish(round_)
        except Fenced as fenced:
            log.warning("another replica freezes weeks", why=str(fenced))
            self._leadership.lose()
            return
        self.me.tell(LookDue())  # another one may have ended, too

    def _value(self, round_: _Round, users: Sequence[UserId]) -> None:
        counted = round_.rollover.ended or round_.rollover.opening
        for owned in self._past.owned(users, round_.before, counted):
            equity = equity_e4(owned, round_.marks)
            round_.worths.append(Worth(owned.user, equity, owned.version))
            round_.clubs |= owned.clubs
            if owned.trades >= MIN_TRADES:
                round_.traded.add(owned.user)

    def _finish(self, round_: _Round) -> None:
        rollover, boards = round_.rollover, self._boards(round_)
        doubtful = inexact(round_.clubs, round_.marks)
        done = self._books.roll_over(
            self._fence,
            rollover,
            boards,
            round_.worths,
            self._calendar(),
            approximate=bool(doubtful),
        )
        if done:
            self._meter.frozen += rollover.ended is not None
            players, opened = sum(map(len, boards.values())), rollover.opening.name
            if rollover.ended is not None:
                log.info("week_ended", week=rollover.ended.name, ranked=players)
            log.info("week_opened", week=opened)
            if doubtful:
                log.warning("prices of a week's end may be lost", before=opened, clubs=doubtful)

    def _boards(self, round_: _Round) -> dict[Board, tuple[Ranked, ...]]:
        week = round_.rollover.ended
        if week is None:
            return {}
        worths = [each for each in round_.worths if each.user in round_.traded]
        openings = self._books.openings(week, worths, ())
        scores = {each.user: score_e4(each.equity_e4, openings[each.user]) for each in worths}
        players = [each for each in self._books.everybody() if each.user in scores]
        return boards_of(week, players, scores)
