"""Ranks those who trade by what they have gained in the week of the calendar.

A board is made in pieces, a few users valued at a time, so that the lease is renewed meanwhile.
The first that anybody does in a week is to open it: everybody who has a wallet is valued, and that
is written at once as what they start with. So a week opens as of the pass that notices it, up to
`RANK_S` of real time late, or as late as nobody led: gains of before count for the week that ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import structlog

from ...domain.clock import Calendar, Monotonic
from ...domain.ids import UserId
from ...domain.leaderboard import Opening, Player, Ranked, Week, ranked, score_e4, week_of
from ...store.fence import Fence, Fenced
from ...store.lease import Lease
from ...store.worth import Gift, Worth
from ..actor import Actor
from ..flush.leadership import Leadership
from ..meters import BoardMeter
from .messages import LeaseDue, RankDue, RankerMessage, ValueDue

RANK_S = 15.0  #: real seconds; marks move all the time, and a board is looked at, not traded on
RENEW_S = 2.0  #: a third of the lease's time to live
BATCH = 32  #: users valued in one go: Redis serves nobody else meanwhile
LATE_S = 60.0  #: four boards missed, something is wrong

log = structlog.get_logger(__name__)


class Books(Protocol):
    """Weeks in Postgres; `store/weekly_books.py` has the real ones."""

    def opened(self, week: Week) -> bool:
        """Whether it has been written what everybody starts *week* with."""

    def owners(self) -> list[UserId]:
        """Everybody who has a wallet."""

    def open(
        self, fence: Fence, life: int, week: Week, worths: Sequence[Worth], now_ms: int
    ) -> None:
        """Write what everybody starts *week* with."""

    def players(self, week: Week) -> list[Player]:
        """Everybody who has traded enough."""

    def openings(
        self, week: Week, worths: Sequence[Worth], waiting: Sequence[Gift]
    ) -> dict[UserId, Opening]:
        """What the owners of *worths* started with and were given."""


class Values(Protocol):
    """What users are worth in Redis; `store/worth.py` has the real ones."""

    def life(self) -> int:
        """The life that Redis is in."""

    def of(self, users: Sequence[UserId]) -> list[Worth]:
        """What each of *users* is worth."""

    def waiting_gifts(self) -> list[Gift] | None:
        """Gifts that Postgres may lack; None if too much waits to say."""


class News(Protocol):
    """Where a board is told; `store/leaderboard_news.py` has the real one."""

    def tell(self, lease: Lease, week: Week, ranks: tuple[Ranked, ...]) -> bool:
        """Have everybody know; whether anything was new."""


@dataclass(slots=True)
class _Round:
    """Users being valued: the players of a week, or everybody if it is to be opened."""

    week: Week
    players: Sequence[Player] | None  #: None: to open the week
    waiting: list[UserId]  #: not yet valued
    life: int  #: of Redis, when it began
    worths: list[Worth] = field(default_factory=list)


class Ranker(Actor[RankerMessage]):
    """Makes the board of the week every 15 seconds, and opens weeks.

    Duty: everybody can see who has gained most by trading this week.
    Reads: users, trades, positions, gifts and openings in Postgres; portfolios and prices in Redis.
    Writes: `leaderboard_weeks` and `equity_snapshots`, once a week; `lb:week:{week}` and
    `leaderboard` in Redis, and publishes `leaderboard:week` when what is shown has changed.
    Lease: `lease:leaderboard`, asked for by the script itself and fenced in Postgres.
    While it is down: the board stands still; a week that begins meanwhile opens late.
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
        self._fence = fence
        self._calendar = calendar
        self._monotonic = monotonic
        self._meter = meter
        self._leadership = Leadership(lease, fence, monotonic, meter)
        self._leading = False
        self._round: _Round | None = None
        self._opened: Week | None = None  # the last week known to be

    def started(self) -> None:
        self._meter.level_at = self._meter.level_at or self._monotonic()
        self._renew()
        self.every(RENEW_S, LeaseDue())
        self.every(RANK_S, RankDue())

    def receive(self, message: RankerMessage) -> None:
        match message:
            case RankDue():
                if self._lease.held() and self._round is None:
                    self._begin()
            case ValueDue():
                self._go_on()
            case LeaseDue():
                self._renew()
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
            self.me.tell(RankDue())  # whoever led before may have been gone for a while

    def _begin(self) -> None:
        week = week_of(self._calendar())
        life = self._values.life()  # first: what is read in another is not written down
        if self._opened == week or self._books.opened(week):
            self._opened = week
            players = self._books.players(week)
            self._round = _Round(week, players, [each.user for each in players], life)
        else:
            self._round = _Round(week, None, self._books.owners(), life)
        self.me.tell(ValueDue())

    def _go_on(self) -> None:
        """Value a few more, or make of them what they are valued for."""
        round_ = self._round
        if round_ is None or not self._lease.held():
            self._round = None  # whoever leads now begins anew
            return
        if round_.waiting:
            batch, round_.waiting = round_.waiting[:BATCH], round_.waiting[BATCH:]
            round_.worths += self._values.of(batch)
            self.me.tell(ValueDue())
            return
        self._round = None
        try:
            self._finish(round_)
        except Fenced as fenced:
            log.warning("another replica ranks", why=str(fenced))
            self._leadership.lose()
            self._leading = False

    def _finish(self, round_: _Round) -> None:
        if round_.players is None:
            self._open(round_)
        else:
            self._rank(round_, round_.players)

    def _open(self, round_: _Round) -> None:
        self._books.open(self._fence, round_.life, round_.week, round_.worths, self._calendar())
        log.info("week_opened", week=round_.week.name, users=len(round_.worths))
        self.me.tell(RankDue())

    def _rank(self, round_: _Round, players: Sequence[Player]) -> None:
        waiting = self._values.waiting_gifts()
        if waiting is None:
            return  # Postgres is far behind: the board stands still until it is not
        openings = self._books.openings(round_.week, round_.worths, waiting)
        scores = {
            each.user: score_e4(each.equity_e4, openings[each.user]) for each in round_.worths
        }
        ranks = ranked(players, scores)
        self._meter.told += self._news.tell(self._lease, round_.week, ranks)
        self._meter.players = len(ranks)
        self._meter.level_at = self._monotonic()
