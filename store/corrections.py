"""Settled matches in Postgres that the feed may still put right, and what it puts right.

Source: docs/market.md, "Results that are put right".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..domain.ids import InstrumentIdx
from ..domain.match import MatchSnapshot
from ..domain.results import Pair
from ..domain.review import Result, Reviewed, goals_of
from ..domain.tracking import LATE_MS
from .fixture_acts import FixtureActs, Hindrance, Leader, ResultChange
from .hot import Hot
from .match_events import write_events
from .matches import Matches
from .postgres import Postgres
from .refusals import Cursor

_SETTLED = """
SELECT id, (extract(epoch FROM starting_at) * 1000)::bigint, home_team_id, away_team_id,
       f.home_idx, f.away_idx, state, f.home_goals, f.away_goals, home_penalties, away_penalties,
       ruled_at IS NOT NULL,
       coalesce(c.home_px, f.post_home_px), coalesce(c.away_px, f.post_away_px),
       coalesce(c.home_version, f.home_version), coalesce(c.away_version, f.away_version)
  FROM fixtures f
  LEFT JOIN LATERAL (SELECT home_px, away_px, home_version, away_version FROM fixture_corrections
                      WHERE fixture_id = f.id ORDER BY number DESC LIMIT 1) AS c ON true
 WHERE phase = 'finished' AND settled_at IS NOT NULL AND starting_at > %s
 ORDER BY starting_at, id
"""
_SHOWN = """
UPDATE fixtures SET state = %s, minute = %s, home_reds = %s, away_reds = %s,
       home_penalties = %s, away_penalties = %s
 WHERE id = %s
"""


class Corrections:
    """What *matches* have settled, put right by *acts* for *owner* of the scheduler's lease."""

    def __init__(
        self, pg: Postgres, hot: Hot, matches: Matches, acts: FixtureActs, owner: str
    ) -> None:
        self._pg = pg
        self._hot = hot
        self._acts = acts
        self._leader = Leader(owner, matches.admit)

    def settled(self, now_ms: int) -> tuple[Reviewed, ...]:
        """The matches that have a result and may be asked for, or be in doubt since they were."""
        with self._pg.transaction() as cursor:
            cursor.execute(_SETTLED, (_at(now_ms - 2 * LATE_MS),))
            rows = cursor.fetchall()
        left = self._hot.left_by([row[0] for row in rows])
        return tuple(map(_reviewed, rows, left))

    def put_right(self, match: MatchSnapshot, now_ms: int) -> ResultChange | Hindrance:
        """Give the fixture of *match*, which is settled, the result that *match* shows.

        Raises:
            Fenced: another scheduler leads; nothing was changed.
            Superseded: Redis was put back meanwhile; nothing was written.
        """

        def tell(cursor: Cursor, _change: ResultChange) -> None:
            score = match.score
            reds = (score.home_reds, score.away_reds)
            kicks = (score.home_penalties, score.away_penalties)
            cursor.execute(_SHOWN, (match.state, match.minute, *reds, *kicks, match.fixture))
            write_events(cursor, [match], _at(now_ms))

        return self._acts.put_right(match.fixture, goals_of(match), now_ms, self._leader, tell)

    def restore(self, fixture: int, now_ms: int) -> ResultChange | Hindrance:
        """Have prices be what the result of *fixture* has left, where an act was broken off.

        Raises: as `put_right` does.
        """
        return self._acts.restore(fixture, now_ms, self._leader)


def _reviewed(row: Sequence[Any], left: Pair | None) -> Reviewed:
    return Reviewed(
        fixture=row[0],
        kickoff_ms=row[1],
        teams=Pair(*row[2:4]),
        clubs=(InstrumentIdx(row[4]), InstrumentIdx(row[5])),
        result=Result(row[6], Pair(*row[7:9]), (row[9], row[10])),
        ruled=row[11],
        versions=(row[14], row[15]),
        broken=left is not None and left != Pair(*row[12:14]),
    )


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
