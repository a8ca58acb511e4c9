"""What Postgres knows of all clubs at once: where they play, and their prices a day ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..domain.candles import Interval
from ..domain.fixtures import Club
from ..domain.halts import Phase
from ..domain.ids import InstrumentIdx
from ..domain.outlook import DAY_MS, NextFixture, Outlook
from .postgres import Postgres

_SIDES = """
  FROM fixtures f
 CROSS JOIN LATERAL (VALUES ('home', f.home_team_id, f.away_team_id),
                            ('away', f.away_team_id, f.home_team_id)) AS s (side, own, other)
  JOIN instruments i ON i.team_id = s.own
  LEFT JOIN leagues l ON l.id = f.league_id"""

_NEXT = f"""
SELECT DISTINCT ON (i.idx) i.idx, f.id, l.name, f.starting_at, f.phase, s.side,
       t.name, o.symbol, o.idx{_SIDES}
  JOIN teams t ON t.id = s.other JOIN instruments o ON o.team_id = s.other
 WHERE f.settled_at IS NULL AND f.phase NOT IN ('void', 'finished')
 ORDER BY i.idx, f.starting_at, f.id"""

_LEAGUES = f"""
SELECT i.idx, array_agg(DISTINCT l.name), array_agg(DISTINCT l.id){_SIDES}
 WHERE l.id IS NOT NULL
 GROUP BY i.idx"""

# By the primary key. The minute that ends a day ago or before; whoever is not that old has begun
# at the open of their first.
_DAY_AGO = """
SELECT i.idx, coalesce(
    (SELECT c FROM price_candles WHERE idx = i.idx AND iv = '1m' AND t <= %(minute)s
      ORDER BY t DESC LIMIT 1),
    (SELECT o FROM price_candles WHERE idx = i.idx AND iv = '1m' ORDER BY t LIMIT 1))
  FROM instruments i"""


class Outlooks:
    """Reads of outlooks."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def read(self, now_ms: int) -> dict[InstrumentIdx, Outlook]:
        """The outlook of every club at *now_ms* (calendar)."""
        minute_ms = now_ms - DAY_MS - Interval.MINUTE.ms
        with self._pg.transaction() as cursor:
            cursor.execute(_NEXT)
            fixtures = {row[0]: _fixture(row[1:]) for row in cursor.fetchall()}
            cursor.execute(_LEAGUES)
            leagues = {idx: (tuple(names), tuple(ids)) for idx, names, ids in cursor.fetchall()}
            cursor.execute(_DAY_AGO, {"minute": datetime.fromtimestamp(minute_ms / 1000, UTC)})
            return {
                idx: Outlook(*leagues.get(idx, ((), ())), px, fixtures.get(idx))
                for idx, px in cursor.fetchall()
            }


def _fixture(row: Sequence[Any]) -> NextFixture:
    fixture_id, league, starting_at, phase, side, *opponent = row
    kickoff_ms = round(starting_at.timestamp() * 1000)
    return NextFixture(fixture_id, league, kickoff_ms, Phase(phase), side, Club(*opponent))
