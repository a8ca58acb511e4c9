"""Ranks those who trade by what they have gained, in the week of the calendar and of all time.

Boards are made in pieces, a few users valued at a time, so that the lease is renewed meanwhile.
What everybody starts a week with is written by the `week-freezer`; until then it has no board.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import structlog

from ...domain.clock import Calendar, Monotonic
from ...domain.ids import UserId
from ...domain.leaderboard import (
    Board,
    Entrants,
    Opening,
    Player,
    Ranked,
    Week,
    boards_of,
    score_e4,
    week_of,
)
from ...store.fence import Fence, Fenced
from ...store.lease import Lease
from ...store.worth import Gift, Worth
from ..actor import Actor
from ..leadership import Leadership
from ..meters import BoardMeter
from .messages import LeaseDue, RankDue, RankerMessage, Span, ValueDue

RANK_S = 15.0  #: real seconds; marks move all the time, and a board is looked at, not traded on
ALL_S = 60.0  #: real seconds; of all time there are more players, and less changes
RENEW_S = 2.0  #: a third of the lease's time to live
BATCH = 32  #: users valued in one go: Redis serves nobody else meanwhile
LATE_S = 60.0  #: four boards missed, something is wrong

log = structlog.get_logger(__name__)


class Books(Protocol):
    """Weeks in Postgres; `store/weekly_books.py` has the real ones."""

    def opened(self, week: Week) -> bool:
        """Whether it has been written what everybody starts *week* with."""

    def players(self, week: Week | None) -> list[Player]:
        """Everybody who has traded enough in *week*, or ever."""

    def openings(
        self, week: Week | None, worths: Sequence[Worth], waiting: Sequence[Gift]
    ) -> dict[UserId, Opening]:
        """What the owners of *worths* started with and were given."""


class Values(Protocol):
    """What users are worth in Redis; `store/worth.py` has the real ones."""

    def of(self, users: Sequence[UserId]) -> list[Worth]:
        """What each of *users* is worth."""

    def waiting_gifts(self) -> list[Gift] | None:
        """Gifts that Postgres may lack; None if too much waits to say."""


class News(Protocol):
    """Where boards are told; `store/leaderboard_news.py` has the real one."""

    def tell(self, lease: Lease, board: Board, ranks: tuple[Ranked, ...]) -> bool:
        """Keep it, and have everybody know; whether they are told anything new."""


@dataclass(slots=True)
class _Round:
    """Players being valued, of a week or of all time."""

    week: Week | None
    players: Sequence[Player]
    waiting: list[UserId]  #: not yet valued
    worths: list[Worth] = field(default_factory=list)


class Ranker(Actor[RankerMessage]):
    """Makes the boards of the week every 15 seconds, and those of all time every minute.

    Duty: everybody can see who has gained most by trading, people and bots apart.
    Reads: users, trades, positions, gifts and openings in Postgres; portfolios and prices in Redis.
    Writes: `lb:week:{week}`, `lb:all`, the same of bots, and `leaderboard` in Redis, and publishes
    `leaderboard:week` when what is shown has changed.
    Lease: `lease:leaderboard`, asked for by the script itself.
    While it is down: the boards stand still.
    """

    def __init__(
        self,
        books: Books,
        values: Values,
        news: News,
        lease: Lease,
        fence: Fence,
        calendar: Calendar,
        monotonic: Monotonic,
        meter: BoardMeter,
    ) -> None:
        super().__init__()
        self._books = books
        self._values = values
        self._news = news
        self._lease = lease
        self._calendar = calendar
        self._monotonic = monotonic
        self._meter = meter
        self._leadership = Leadership(lease, fence, monotonic, meter)
        self._leading = False
        self._rounds: dict[Span, _Round] = {}
        self._opened: Week | None = None  # the last week known to be
        self._unopened = False  # the present week was not, when it was to be ranked

    def started(self) -> None:
        self._meter.level_at = self._meter.level_at or self._monotonic()
        self._renew()
        self.every(RENEW_S, LeaseDue())
        self.every(RANK_S, RankDue(Span.WEEK))
        self.every(ALL_S, RankDue(Span.ALL_TIME))

    def receive(self, message: RankerMessage) -> None:
        match message:
            case RankDue(span):
                if self._lease.held() and span not in self._rounds:
                    self._begin(span)
            case ValueDue(span):
                self._go_on(span)
            case LeaseDue():
                self._renew()
                if self._unopened:
                    self.me.tell(RankDue(Span.WEEK))
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        held, meter = self._lease.held(), self._meter
        age_s = meter.age_s(self._monotonic()) if held else None
        late = age_s is not None and age_s > LATE_S
        return {
            "lease": held,
            "week": self._opened and self._opened.name,
            "players": meter.players,
            "age_s": None if age_s is None else round(age_s, 3),
            "ailing": f"the leaderboard is {age_s:.0f} s old" if late else "",
        }

    def _renew(self) -> None:
        self._leadership.renew()
        leads, led = self._lease.held(), self._leading
        self._leading = leads
        if leads and not led:
            for span in Span:  # whoever led before may have been gone for a while
                self.me.tell(RankDue(span))

    def _begin(self, span: Span) -> None:
        week = week_of(self._calendar()) if span is Span.WEEK else None
        if week is not None:
            self._unopened = self._opened != week and not self._books.opened(week)
            if self._unopened:
                return  # nobody knows yet what everybody starts with
            self._opened = week
        players = self._books.players(week)
        self._rounds[span] = _Round(week, players, [each.user for each in players])
        self.me.tell(ValueDue(span))

    def _go_on(self, span: Span) -> None:
        """Value a few more, or make boards of what they are worth."""
        round_ = self._rounds.get(span)
        if round_ is None or not self._lease.held():
            self._rounds.pop(span, None)  # whoever leads now begins anew
            return
        if round_.waiting:
            batch, round_.waiting = round_.waiting[:BATCH], round_.waiting[BATCH:]
            round_.worths += self._values.of(batch)
            self.me.tell(ValueDue(span))
            return
        del self._rounds[span]
        try:
            self._rank(round_)
        except Fenced as fenced:
            log.warning("another replica ranks", why=str(fenced))
            self._leadership.lose()
            self._leading = False

    def _rank(self, round_: _Round) -> None:
        waiting = self._values.waiting_gifts()
        if waiting is None:
            return  # Postgres is far behind: the boards stand still until it is not
        openings = self._books.openings(round_.week, round_.worths, waiting)
        scores = {
            each.user: score_e4(each.equity_e4, openings[each.user]) for each in round_.worths
        }
        for board, ranks in boards_of(round_.week, round_.players, scores).items():
            self._meter.told += self._news.tell(self._lease, board, ranks)
            if board == Board(round_.week, Entrants.PEOPLE) and round_.week is not None:
                self._meter.players = len(ranks)
        if round_.week is not None:
            self._meter.level_at = self._monotonic()
