"""The statements by which a result is set anew: the row, its history, the fact of it, the ratings.

Source: docs/market.md, "Results that operators set".
"""

from __future__ import annotations

from datetime import UTC, datetime

from ..domain.results import Pair, Start
from .fixture_rows import FixtureRow
from .refusals import Cursor

_SETTLED = """
UPDATE fixtures SET settled_at = %s, voided_at = NULL, phase = 'finished', updated_at = %s,
       home_goals = %s, away_goals = %s, home_idx = %s, away_idx = %s,
       e_kickoff_bps = %s, pre_home_px = %s, pre_away_px = %s
 WHERE id = %s
"""
# The last row of a match's history is its result.
_HISTORY = """
INSERT INTO match_scores (fixture_id, seq, home, away, home_reds, away_reds, home_penalties,
                          away_penalties, minute, state, source_hash, observed_at)
SELECT f.id, coalesce(last.seq, 0) + 1, f.home_goals, f.away_goals, f.home_reds, f.away_reds,
       f.home_penalties, f.away_penalties, f.minute, f.state, '', %s
  FROM fixtures f
  LEFT JOIN LATERAL (SELECT * FROM match_scores m WHERE m.fixture_id = f.id
                     ORDER BY seq DESC LIMIT 1) AS last ON true
 WHERE f.id = %s AND f.settled_at IS NOT NULL
   AND (f.home_goals, f.away_goals, f.home_reds, f.away_reds, f.home_penalties, f.away_penalties,
        f.state)
       IS DISTINCT FROM
       (last.home, last.away, last.home_reds, last.away_reds, last.home_penalties,
        last.away_penalties, last.state)
"""
_RULED = "UPDATE fixtures SET ruled_at = %s WHERE id = %s"
_START = "UPDATE fixtures SET pre_home_px = %s, pre_away_px = %s WHERE id = %s"
_VOIDED = """
UPDATE fixtures SET settled_at = NULL, voided_at = %s, phase = 'void', updated_at = %s
 WHERE id = %s
"""
_CORRECTED = """
INSERT INTO fixture_corrections (fixture_id, number, home_goals, away_goals, home_idx, home_px,
                                 home_version, away_idx, away_px, away_version, corrected_at)
SELECT %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s
  FROM fixture_corrections WHERE fixture_id = %s
"""


def write_result(cursor: Cursor, row: FixtureRow, start: Start, goals: Pair, now_ms: int) -> None:
    """Write *goals* as the result of *row*, which began with *start*."""
    at, opened = _at(now_ms), (start.kickoff_bps, *start.bases)
    cursor.execute(_SETTLED, (at, at, *goals, *row.clubs, *opened, row.id))


def write_ratings(cursor: Cursor, teams: Pair, gained: int) -> None:
    """Give the home team *gained* points of the other's."""
    for team, points in zip(teams, (gained, -gained), strict=True):
        cursor.execute("UPDATE teams SET rating = rating + %s WHERE id = %s", (points, team))


def write_history(cursor: Cursor, fixture: int, now_ms: int) -> None:
    """Add the result of *fixture* to its history, if it has one that is not its last word."""
    cursor.execute(_HISTORY, (_at(now_ms), fixture))


def write_ruled(cursor: Cursor, fixture: int, now_ms: int) -> None:
    """Note that what *fixture* came to is an operator's word."""
    cursor.execute(_RULED, (_at(now_ms), fixture))


def write_start(cursor: Cursor, fixture: int, bases: Pair) -> None:
    """Have *fixture* start from *bases*."""
    cursor.execute(_START, (*bases, fixture))


def write_void(cursor: Cursor, row: FixtureRow, now_ms: int) -> None:
    """Have *row* count for nothing."""
    at = _at(now_ms)
    cursor.execute(_VOIDED, (at, at, row.id))


def write_fact(
    cursor: Cursor,
    row: FixtureRow,
    goals: Pair | None,
    bases: Pair,
    versions: Pair,
    now_ms: int,
) -> None:
    """Write the fact that both clubs have had *bases* from *versions* on."""
    home, away = zip(row.clubs, bases, versions, strict=True)
    values = (*(goals or (None, None)), *home, *away, _at(now_ms))
    cursor.execute(_CORRECTED, (row.id, *values, row.id))


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
