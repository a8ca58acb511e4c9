"""What Postgres has of one match, from its kick-off to what its result has left.

Source: docs/market.md, "A match gone through again".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..domain.halts import Phase
from ..domain.results import Pair
from ..domain.simulation import Origin
from .refusals import Cursor

_ROW = """
SELECT f.phase, f.settled_at IS NOT NULL, coalesce(l.weight_bps, 600),
       f.rating_lead, f.pre_home_px, f.pre_away_px,
       coalesce(c.home_px, f.post_home_px), coalesce(c.away_px, f.post_away_px)
  FROM fixtures f
  LEFT JOIN leagues l ON l.id = f.league_id
  LEFT JOIN LATERAL (SELECT home_px, away_px FROM fixture_corrections
                      WHERE fixture_id = f.id ORDER BY number DESC LIMIT 1) AS c ON true
 WHERE f.id = %s
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One match; *origin* None if it was never seen to begin, *left* None before its result."""

    phase: Phase
    settled: bool
    origin: Origin | None
    left: Pair | None


def recorded(cursor: Cursor, fixture: int) -> Recorded | None:
    """What is on record of *fixture*; None if there is none."""
    cursor.execute(_ROW, (fixture,))
    row: Any = cursor.fetchone()
    if row is None:
        return None
    phase, settled, weight_bps, lead, home_px, away_px, *left = row
    origin = None
    if None not in (lead, home_px, away_px):
        origin = Origin(rating_lead=lead, weight_bps=weight_bps, bases=Pair(home_px, away_px))
    return Recorded(Phase(phase), settled, origin, None if None in left else Pair(*left))
