"""What became of each week: its final boards, and its draw.

Source: docs/market.md, "The end of a week" and "The weekly spinner".
"""

from __future__ import annotations

from dataclasses import dataclass

from .draws import Status
from .postgres import Postgres

_WEEKS = """
SELECT w.iso_week, w.frozen_at IS NOT NULL, w.approximate,
       count(b.*) FILTER (WHERE b.board = 'people'), count(b.*) FILTER (WHERE b.board = 'bots'),
       r.status, (SELECT count(*) FROM spinner_results s WHERE s.iso_week = w.iso_week)
  FROM leaderboard_weeks w
  LEFT JOIN leaderboard_weekly b USING (iso_week)
  LEFT JOIN spinner_rounds r USING (iso_week)
 GROUP BY w.iso_week, r.status
 ORDER BY w.iso_week"""


@dataclass(frozen=True, slots=True)
class OpenedWeek:
    """A week that was opened: who is ranked on its final boards, and how far its draw has come."""

    week: str
    frozen: bool
    approximate: bool
    people: int
    bots: int
    draw: Status | None
    prizes: int

    @property
    def over(self) -> bool:
        """Whether nothing of it is left to be done."""
        return self.draw is Status.ANNOUNCED


def opened_weeks(pg: Postgres) -> tuple[OpenedWeek, ...]:
    """All weeks that were ever opened, the first one first."""
    with pg.transaction() as cursor:
        cursor.execute(_WEEKS)
        return tuple(
            OpenedWeek(
                week, frozen, approximate, people, bots, Status(draw) if draw else None, prizes
            )
            for week, frozen, approximate, people, bots, draw, prizes in cursor.fetchall()
        )
