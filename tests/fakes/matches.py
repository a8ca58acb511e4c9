"""Snapshots of matches for tests, and a feed that shows whatever a test says it shows."""

from __future__ import annotations

from collections.abc import Sequence
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
    )


class FakeFeed:
    """A feed that knows the matches in `matches`, by fixture, and counts what it is asked.

    `hidden` fixtures are left out of those in play; while `down` is set every call raises it.
    """

    IN_PLAY = ("INPLAY", "HT", "BREAK", "EXTRA", "PEN_", "SUSPENDED", "INTERRUPTED")

    def __init__(self, *matches: MatchSnapshot) -> None:
        self.matches: dict[int, MatchSnapshot] = {}
        self.hidden: set[int] = set()
        self.down: FeedUnavailable | None = None
        self.asked: list[str] = []
        self.show(*matches)

    def show(self, *matches: MatchSnapshot) -> None:
        """From now on these matches are as given."""
        self.matches |= {match.fixture: match for match in matches}

    def list_fixtures(self, start_ms: int, end_ms: int) -> tuple[MatchSnapshot, ...]:
        """Those that kick off in the range, as a plan: without cards and clock."""
        self._called("list")
        return tuple(
            replace(match, minute=0, score=replace(match.score, home_reds=0, away_reds=0))
            for match in self.matches.values()
            if start_ms <= match.kickoff_ms <= end_ms
        )

    def inplay(self) -> tuple[MatchSnapshot, ...]:
        """Those in play that are not hidden."""
        self._called("inplay")
        return tuple(
            match
            for match in self.matches.values()
            if match.state.startswith(self.IN_PLAY) and match.fixture not in self.hidden
        )

    def fixtures(self, ids: Sequence[int]) -> tuple[MatchSnapshot, ...]:
        """Those asked for that it knows."""
        self._called("fixtures")
        return tuple(self.matches[fixture] for fixture in ids if fixture in self.matches)

    def status(self) -> dict[str, int]:
        """Nothing to report."""
        return {"unreadable": 0}

    def _called(self, name: str) -> None:
        self.asked.append(name)
        if self.down is not None:
            raise self.down
