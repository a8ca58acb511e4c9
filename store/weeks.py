"""What became of each week: its final boards, and its draw.

Source: docs/market.md, "The end of a week" and "The weekly spinner".
"""

from __future__ import annotations

from dataclasses import dataclass

from .draws import Status
from .postgres import Postgres

_WEEKS = """
SELECT w.iso_week, w.approximate,
       count(b.*) FILTER (WHERE b.board = 'people'), count(b.*) FILTER (WHERE b.board = 'bots'),
       r.status, (SELECT count(*) FROM spinner_results s WHERE s.iso_week = w.iso_week)
  FROM leaderboard_weeks w
  LEFT JOIN leaderboard_weekly b USING (iso_week)
  LEFT JOIN spinner_rounds r USING (iso_week)
 WHERE w.frozen_at IS NOT NULL
 GROUP BY w.iso_week, r.status
 ORDER BY w.iso_week"""


@dataclass(frozen=True, slots=True)
class EndedWeek:
    """A week whose boards are final: who is ranked on them, and how far its draw has come."""

    week: str
    approximate: bool
    people: int
    bots: int
    draw: Status | None
    prizes: int

    @property
    def over(self) -> bool:
        """Whether nothing of it is left to be done."""
        return self.draw is Status.ANNOUNCED


def ended_weeks(pg: Postgres) -> tuple[EndedWeek, ...]:
    """All weeks that have ended, the first one first."""
    with pg.transaction() as cursor:
        cursor.execute(_WEEKS)
        return tuple(
            EndedWeek(week, approximate, people, bots, Status(draw) if draw else None, prizes)
            for week, approximate, people, bots, draw, prizes in cursor.fetchall()
        )
