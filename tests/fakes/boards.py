"""A ranking of the week on real servers, led by one replica or by several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from touchline.actors.boards.messages import RankDue, Span
from touchline.actors.boards.ranker import Ranker
from touchline.actors.meters import BoardMeter
from touchline.domain.leaderboard import Board, Leaderboard
from touchline.store.fence import Fence
from touchline.store.leaderboard_news import LeaderboardNews, board_key, told_boards
from touchline.store.lease import Lease
from touchline.store.weekly_books import WeeklyBooks
from touchline.store.worth import Worths

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.weeks import Freezing

NOTHING: Mapping[str, Any] = {}


class Ranking:
    """The ranker of one api-server, *owner*, started; *but* with some other parts.

    Before it starts the week is opened, and those that have ended are frozen.
    """

    def __init__(
        self, books: Books, clock: FakeClock, *, owner: str = "", but: Mapping[str, Any] = NOTHING
    ) -> None:
        self.books, self.clock, self.meter = books, clock, BoardMeter()
        self.lease = Lease(
            books.redis,
            books.keys.lease("leaderboard"),
            monotonic=clock.monotonic,
            owner=owner or None,
        )
        self.fence = Fence(books.pg, "leaderboard")
        parts: dict[str, Any] = {
            "books": WeeklyBooks(books.pg),
            "values": Worths(books.redis, books.keys, books.hot),
            "news": LeaderboardNews(books.redis, books.keys),
        }
        self.actor = Ranker(
            **(parts | but),
            lease=self.lease,
            fence=self.fence,
            calendar=clock.calendar,
            monotonic=clock.monotonic,
            meter=self.meter,
        )
        self.weeks = Freezing(books, clock)
        self.weeks.settle()
        self.weeks.lease.release()
        self.actor.started()
        self.work_off()

    def rank(self, span: Span = Span.WEEK) -> None:
        """A pass from its beginning to its end."""
        self.actor.receive(RankDue(span))
        self.work_off()

    def kept(self, board: Board) -> dict[int, int]:
        """Everybody's scores on *board*, of which nobody is told."""
        key = board_key(self.books.keys, board)
        found: Any = self.books.redis.zrange(key, 0, -1, withscores=True)
        return {int(user): int(score) for user, score in found}

    def work_off(self) -> None:
        """Whatever the actor has told itself."""
        while self.actor.actor_inbox.depth:
            _, following, _ = self.actor.actor_inbox.take()
            self.actor.receive(following)

    def told(self) -> tuple[int, Leaderboard]:
        """The number of the last board, and the board."""
        found = told_boards(self.books.redis, self.books.keys, None)
        assert found is not None
        (told,) = found.boards
        assert told.seq == found.seq
        return told.seq, told.board

    def scores(self) -> dict[int, int]:
        """Everybody on the board with their score, in the order of the places shown."""
        return {each.user: each.score_e4 for each in self.told()[1].ranks}
