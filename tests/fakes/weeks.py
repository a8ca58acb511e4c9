"""The end of weeks on real servers: a candle-roller beside a week-freezer, of one replica."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from touchline.actors.boards.messages import LeaseDue, LookDue
from touchline.actors.boards.meters import WeekMeter
from touchline.actors.boards.week_freezer import GRACE_S, WeekFreezer
from touchline.store.candles import Candles
from touchline.store.fence import Fence
from touchline.store.lease import Lease
from touchline.store.rolling import Rolling
from touchline.store.week_end import WeekEnd
from touchline.store.weekly_books import WeeklyBooks

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock

NOTHING: Mapping[str, Any] = {}
FROZEN = (
    "SELECT iso_week, board, rank, user_id, score_e4 FROM leaderboard_weekly"
    " ORDER BY iso_week, board, rank"
)
WEEKS = (
    "SELECT iso_week, frozen_at IS NOT NULL, approximate FROM leaderboard_weeks ORDER BY iso_week"
)


class Freezing:
    """The week-freezer of one api-server, *owner*, started; *but* with some other parts."""

    def __init__(
        self,
        books: Books,
        clock: FakeClock,
        *,
        owner: str = "",
        but: Mapping[str, Any] = NOTHING,
        meter: WeekMeter | None = None,
    ) -> None:
        self.books, self.clock, self.meter = books, clock, meter or WeekMeter()
        self.lease = Lease(
            books.redis,
            books.keys.lease("week-freezer"),
            monotonic=clock.monotonic,
            owner=owner or None,
        )
        self.fence = Fence(books.pg, "week-freezer")
        parts: dict[str, Any] = {
            "books": WeeklyBooks(books.pg),
            "past": WeekEnd(books.redis, books.keys, books.hot, books.pg, books.drain()),
        }
        self.actor = WeekFreezer(
            **(parts | but),
            lease=self.lease,
            fence=self.fence,
            calendar=clock.calendar,
            monotonic=clock.monotonic,
            meter=self.meter,
        )
        self.actor.started()

    def look(self) -> None:
        """Whatever comes of one look at the calendar."""
        self.actor.receive(LeaseDue())
        self.actor.receive(LookDue())
        while self.actor.actor_inbox.depth:
            _, following, _ = self.actor.actor_inbox.take()
            self.actor.receive(following)

    def settle(self) -> None:
        """Freeze and open all weeks that are due, whoever leads; some seconds may pass."""
        self.roll()
        self.look()
        if self.actor.detail()["waits_for"]:
            self.clock.advance(GRACE_S)
            self.look()

    def roll(self) -> None:
        """All ticks into candles, as the flusher does."""
        fence = Fence(self.books.pg, "candle-roller")
        fence.take()
        rolling = Rolling(self.books.redis, self.books.keys, Candles(self.books.pg))
        while rolling.roll(fence).ticks:
            pass

    def frozen(self) -> list[tuple[Any, ...]]:
        """All final boards: week, board, rank, user, score."""
        return self.books.rows(FROZEN)

    def weeks(self) -> list[tuple[Any, ...]]:
        """All weeks that were opened: whether they are frozen, and approximate."""
        return self.books.rows(WEEKS)
