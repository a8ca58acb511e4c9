"""The table of a league, out of its results.

Source: docs/benchmarks.md, "A season".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIN, DRAW = 3, 1  #: points


@dataclass(frozen=True, slots=True)
class Outcome:
    """A match that has been played: the names of both clubs, and their goals."""

    home: str
    away: str
    home_goals: int
    away_goals: int


@dataclass(frozen=True, slots=True)
class Row:
    """One club's line in the table."""

    club: str
    played: int = 0
    goals_for: int = 0
    goals_against: int = 0
    points: int = 0

    @property
    def difference(self) -> int:
        """Goals scored, less those conceded."""
        return self.goals_for - self.goals_against

    def after(self, scored: int, conceded: int) -> Row:
        """The line after another match."""
        points = WIN if scored > conceded else DRAW if scored == conceded else 0
        return Row(
            self.club,
            self.played + 1,
            self.goals_for + scored,
            self.goals_against + conceded,
            self.points + points,
        )


def league_table(outcomes: Iterable[Outcome]) -> tuple[Row, ...]:
    """Every club that has played, the best first.

    Of equal points the goal difference decides, then goals scored, then the name.
    """
    rows: dict[str, Row] = {}
    for each in outcomes:
        home, away = (rows.get(club, Row(club)) for club in (each.home, each.away))
        rows[each.home] = home.after(each.home_goals, each.away_goals)
        rows[each.away] = away.after(each.away_goals, each.home_goals)
    return tuple(
        sorted(
            rows.values(), key=lambda row: (-row.points, -row.difference, -row.goals_for, row.club)
        )
    )
