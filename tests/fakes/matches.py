"""Snapshots of matches for tests, and a feed that shows whatever a test says it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from touchline.domain.match import MatchSnapshot, Score, Team
from touchline.store.outage import FeedUnavailable

KICKOFF_MS = 1_790_000_000_000
HOUR_MS = 3_600_000

ARSENAL = Team(19, "Arsenal", "ARS")
EVERTON = Team(13, "Everton", "EVE")
FULHAM = Team(11, "Fulham", "FUL")
LEEDS = Team(71, "Leeds United", "LEE")


def a_match(
    state: str = "NS",
    home: int = 0,
    away: int = 0,
    *,
    fixture: int = 500,
    minute: int = 0,
    kickoff_ms: int = KICKOFF_MS,
    sides: tuple[Team, Team] = (ARSENAL, EVERTON),
    reds: tuple[int, int] = (0, 0),
    penalties: tuple[int, int] | None = None,
    under_review: bool = False,
    scored: bool = True,
    ticking: bool = False,
) -> MatchSnapshot:
    """Arsenal against Everton, or whatever differs from it."""
    shoot_out = penalties or (None, None)
    return MatchSnapshot(
        fixture=fixture,
        league=8,
        league_name="Premier League",
        round_id=1,
        kickoff_ms=kickoff_ms,
        state=state,
        home=sides[0],
        away=sides[1],
        score=Score(home, away, *reds, *shoot_out),
        minute=minute,
        under_review=under_review,
        scored=scored,
        ticking=ticking,
    )


class FakeFeed:
    """A feed that knows the matches in `matches`, by fixture, and counts what it is asked.

    `hidden` fixtures are left out of those in play; while `down` is set every call raises it.
    Before each page of a listing it calls `on_page`, for a test to let time pass.
    """

    IN_PLAY = ("INPLAY", "HT", "BREAK", "EXTRA", "PEN_", "SUSPENDED", "INTERRUPTED")

    def __init__(self, *matches: MatchSnapshot) -> None:
        self.matches: dict[int, MatchSnapshot] = {}
        self.unreadable = 0
        self.hidden: set[int] = set()
        self.down: FeedUnavailable | None = None
        self.asked: list[str] = []
        self.page_size = 50
        self.on_page: Callable[[], None] = lambda: None
        self.show(*matches)

    def show(self, *matches: MatchSnapshot) -> None:
        """From now on these matches are as given."""
        self.matches |= {match.fixture: match for match in matches}

    def list_fixtures(self, start_ms: int, end_ms: int) -> FakePages:
        """Those that kick off in the range, as a plan: without cards and clock."""
        return FakePages(self, start_ms, end_ms)

    def inplay(self) -> tuple[MatchSnapshot, ...]:
        """Those in play that are not hidden."""
        self.called("inplay")
        return tuple(
            match
            for match in self.matches.values()
            if match.state.startswith(self.IN_PLAY) and match.fixture not in self.hidden
        )

    def fixtures(self, ids: Sequence[int]) -> tuple[MatchSnapshot, ...]:
        """Those asked for that it knows."""
        self.called("fixtures")
        return tuple(self.matches[fixture] for fixture in ids if fixture in self.matches)

    def status(self) -> dict[str, int]:
        """How much of an answer is not understood."""
        return {"unreadable": self.unreadable}

    def called(self, name: str) -> None:
        """Count a call, which fails while the feed is down."""
        self.asked.append(name)
        if self.down is not None:
            raise self.down


class FakePages:
    """A listing of *feed*, `feed.page_size` matches a page."""

    def __init__(self, feed: FakeFeed, start_ms: int, end_ms: int) -> None:
        self._feed = feed
        self._range = (start_ms, end_ms)
        self._read = 0
        self.more = True

    def read(self) -> tuple[MatchSnapshot, ...]:
        """The next page; counts as `list`, and takes the time of `feed.on_page`."""
        self._feed.on_page()
        self._feed.called("list")
        start_ms, end_ms = self._range
        planned = [
            replace(
                match, minute=0, ticking=False, score=replace(match.score, home_reds=0, away_reds=0)
            )
            for match in self._feed.matches.values()
            if start_ms <= match.kickoff_ms <= end_ms
        ]
        page = planned[self._read : self._read + self._feed.page_size]
        self._read += self._feed.page_size
        self.more = self._read < len(planned)
        return tuple(page)
