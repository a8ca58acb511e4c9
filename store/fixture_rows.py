"""A fixture as operators may settle it anew: what it started from, and what it has left.

Source: docs/market.md, "Results that operators set".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..domain.halts import Phase
from ..domain.results import Pair, Start
from ..domain.tracking import PLAYING, WINDOW_MS
from .refusals import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class FixtureRow:
    """One row, locked; prices in 1e-4 coin.

    Attributes:
        goals: as last seen, or as settled.
        settled: has a result. *voided*: an operator has said that it counts for nothing.
        ruled: an operator has said what it came to.
        clubs: the instruments that the result moves.
        start: what it started from; None if that was never on record.
        left: the base prices that its result, or its end without one, has left; None before.
    """

    id: int
    kickoff_ms: int
    phase: Phase
    goals: Pair
    settled: bool
    voided: bool
    ruled: bool
    weight_bps: int
    teams: Pair
    ratings: Pair
    clubs: Pair
    start: Start | None
    left: Pair | None

    def live(self, now_ms: int) -> bool:
        """Whether it is being played; one that the feed has lost is not, for ever."""
        over = self.settled or self.voided or now_ms > self.kickoff_ms + WINDOW_MS
        return self.phase in PLAYING and not over

    @property
    def begun(self) -> bool:
        """Whether there may be something to settle."""
        return self.phase is not Phase.SCHEDULED or self.settled or self.voided


_ROW = """
SELECT (extract(epoch FROM f.starting_at) * 1000)::bigint, f.phase, f.home_goals, f.away_goals,
       f.settled_at IS NOT NULL, f.voided_at IS NOT NULL, f.ruled_at IS NOT NULL,
       coalesce(l.weight_bps, 600),
       h.id, a.id, h.rating, a.rating,
       coalesce(f.home_idx, hi.idx), coalesce(f.away_idx, ai.idx),
       f.e_kickoff_bps, f.pre_home_px, f.pre_away_px,
       coalesce(c.home_px, f.post_home_px), coalesce(c.away_px, f.post_away_px)
  FROM fixtures f
  LEFT JOIN leagues l ON l.id = f.league_id
  JOIN teams h ON h.id = f.home_team_id LEFT JOIN instruments hi ON hi.team_id = h.id
  JOIN teams a ON a.id = f.away_team_id LEFT JOIN instruments ai ON ai.team_id = a.id
  LEFT JOIN LATERAL (SELECT home_px, away_px FROM fixture_corrections
                      WHERE fixture_id = f.id ORDER BY number DESC LIMIT 1) AS c ON true
 WHERE f.id = %s
   FOR UPDATE OF f
"""

# The scheduler's rule: the earliest that has begun governs both of its clubs.
_EARLIER = """
SELECT count(*)
  FROM fixtures f, fixtures own
 WHERE own.id = %s AND f.settled_at IS NULL AND f.voided_at IS NULL
   AND f.phase NOT IN ('scheduled', 'void')
   AND (f.starting_at, f.id) < (own.starting_at, own.id)
   AND (own.home_team_id IN (f.home_team_id, f.away_team_id)
        OR own.away_team_id IN (f.home_team_id, f.away_team_id))
"""


def locked_row(cursor: Cursor, fixture: int) -> FixtureRow | None:
    """The row of *fixture*, which nobody changes before the transaction ends; None if unknown."""
    cursor.execute(_ROW, (fixture,))
    row: Any = cursor.fetchone()
    if row is None:
        return None
    kickoff_ms, phase, home_goals, away_goals, settled, voided, ruled, weight_bps = row[:8]
    kickoff_bps, before = row[14], _pair(row[15:17])
    return FixtureRow(
        id=fixture,
        kickoff_ms=kickoff_ms,
        phase=Phase(phase),
        goals=Pair(home_goals, away_goals),
        settled=settled,
        voided=voided,
        ruled=ruled,
        weight_bps=weight_bps,
        teams=Pair(*row[8:10]),
        ratings=Pair(*row[10:12]),
        clubs=Pair(*row[12:14]),
        start=None if kickoff_bps is None or before is None else Start(kickoff_bps, before),
        left=_pair(row[17:19]),
    )


def governs(cursor: Cursor, row: FixtureRow) -> bool:
    """Whether the fixture is what moves its clubs now, as the scheduler has it."""
    if row.settled or row.voided or row.phase in (Phase.SCHEDULED, Phase.VOID):
        return False
    cursor.execute(_EARLIER, (row.id,))
    return bool(cursor.fetchone()[0] == 0)


def _pair(values: Any) -> Pair | None:
    return None if None in values else Pair(*values)
