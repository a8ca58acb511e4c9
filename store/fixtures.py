"""Fixtures and results in Postgres as clients and operators read them.

Source: docs/protocol.md, "Fixtures".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..domain.fixture_events import Look
from ..domain.fixtures import SHOWN_MS, Club, Fixture
from ..domain.halts import Phase
from ..domain.ids import InstrumentIdx
from ..domain.match_events import Happening
from .match_events import happenings
from .postgres import Postgres
from .recorded_fixture import Recorded, recorded

_SELECT = """
SELECT f.id, l.name, f.round_id, f.starting_at, f.state, f.phase, f.minute,
       h.name, hi.symbol, hi.idx, a.name, ai.symbol, ai.idx,
       f.home_goals, f.away_goals, f.home_penalties, f.away_penalties, f.settled_at
  FROM fixtures f
  LEFT JOIN leagues l ON l.id = f.league_id
  JOIN teams h ON h.id = f.home_team_id
  JOIN teams a ON a.id = f.away_team_id
  -- What a result has moved stays with it, whichever team moves that now.
  JOIN instruments hi
    ON hi.idx = coalesce(f.home_idx, (SELECT idx FROM instruments WHERE team_id = h.id))
  JOIN instruments ai
    ON ai.idx = coalesce(f.away_idx, (SELECT idx FROM instruments WHERE team_id = a.id))
"""

# An absent filter is NULL and lets every row pass.
_LIST = f"""{_SELECT}
 WHERE (%(start)s::timestamptz IS NULL OR f.starting_at >= %(start)s::timestamptz)
   AND (%(end)s::timestamptz IS NULL OR f.starting_at < %(end)s::timestamptz)
   AND (%(phase)s::text IS NULL OR f.phase = %(phase)s::text)
   AND (%(club)s::int IS NULL OR %(club)s::int IN (hi.idx, ai.idx))
   AND (%(after_at)s::timestamptz IS NULL
        OR (f.starting_at, f.id) > (%(after_at)s::timestamptz, %(after_id)s::bigint))
 ORDER BY f.starting_at, f.id
 LIMIT %(limit)s
"""

_LOOKS = """
SELECT s.minute, s.state, s.home, s.away, s.home_reds, s.away_reds,
       s.home_penalties, s.away_penalties, s.observed_at
  FROM fixtures f LEFT JOIN match_scores s ON s.fixture_id = f.id
 WHERE f.id = %s ORDER BY s.seq
"""

_UNSETTLED = f"""{_SELECT}
 WHERE f.settled_at IS NULL AND f.voided_at IS NULL AND f.phase <> 'void'
 ORDER BY f.starting_at, f.id
"""

_CURRENT = f"""{_SELECT}
 WHERE f.starting_at >= %s OR (f.settled_at IS NULL AND f.phase <> 'void')
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many fixtures are known, how many are settled, how many an operator has made void.

    What the feed alone calls void may be played yet.
    """

    fixtures: int
    settled: int
    voided: int


class Fixtures:
    """Reads of fixtures; `store/matches.py` writes them."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def list_fixtures(
        self,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        phase: Phase | None = None,
        club: InstrumentIdx | None = None,
        after: tuple[int, int] | None = None,
        limit: int = 50,
    ) -> tuple[Fixture, ...]:
        """Fixtures by kick-off, the earliest first.

        Args:
            start_ms: kick-off not before.
            end_ms: kick-off before.
            club: either side is this instrument.
            after: (kickoff_ms, id) of the last row of the page before.
        """
        given = {
            "start": _at(start_ms),
            "end": _at(end_ms),
            "phase": phase.value if phase else None,
            "club": club,
            "after_at": _at(after[0]) if after else None,
            "after_id": after[1] if after else None,
            "limit": limit,
        }
        with self._pg.transaction() as cursor:
            cursor.execute(_LIST, given)
            return tuple(map(_fixture, cursor.fetchall()))

    def fixture(self, fixture_id: int) -> Fixture | None:
        """The fixture with the feed's id *fixture_id*."""
        with self._pg.transaction() as cursor:
            cursor.execute(f"{_SELECT} WHERE f.id = %s", (fixture_id,))
            row = cursor.fetchone()
        return _fixture(row) if row else None

    def looks(self, fixture_id: int) -> tuple[Look, ...] | None:
        """How that fixture looked whenever that was new, oldest first; None if there is none."""
        with self._pg.transaction() as cursor:
            cursor.execute(_LOOKS, (fixture_id,))
            rows = cursor.fetchall()
        # One row without a look stands for a fixture that nobody has looked at.
        return tuple(_look(row) for row in rows if row[1] is not None) if rows else None

    def happenings(self, fixture_id: int) -> tuple[Happening, ...]:
        """What the feed has listed of that fixture."""
        with self._pg.transaction() as cursor:
            return happenings(cursor, fixture_id)

    def recorded(self, fixture_id: int) -> Recorded | None:
        """What is on record of that fixture, to be gone through again."""
        with self._pg.transaction() as cursor:
            return recorded(cursor, fixture_id)

    def fixtures(self, ids: Sequence[int]) -> tuple[Fixture, ...]:
        """Those of the fixtures *ids* that there are."""
        with self._pg.transaction() as cursor:
            cursor.execute(f"{_SELECT} WHERE f.id = ANY(%s)", (list(ids),))
            return tuple(map(_fixture, cursor.fetchall()))

    def current(self, now_ms: int) -> tuple[Fixture, ...]:
        """Fixtures that are to come, under way, or at most `SHOWN_MS` after their kick-off."""
        with self._pg.transaction() as cursor:
            cursor.execute(_CURRENT, (_at(now_ms - SHOWN_MS),))
            return tuple(map(_fixture, cursor.fetchall()))

    def unsettled(self) -> tuple[Fixture, ...]:
        """All fixtures that are to be played or settled, by kick-off."""
        with self._pg.transaction() as cursor:
            cursor.execute(_UNSETTLED)
            return tuple(map(_fixture, cursor.fetchall()))

    def results(self) -> tuple[Fixture, ...]:
        """All settled fixtures by kick-off."""
        with self._pg.transaction() as cursor:
            cursor.execute(f"{_SELECT} WHERE f.settled_at IS NOT NULL ORDER BY f.starting_at, f.id")
            return tuple(map(_fixture, cursor.fetchall()))

    def progress(self) -> Progress:
        """How far the known fixtures have got."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT count(*), count(settled_at), count(voided_at) FROM fixtures")
            return Progress(*cursor.fetchone())


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _look(row: Sequence[Any]) -> Look:
    minute, state, home, away, home_reds, away_reds, *kicks, observed_at = row
    penalties = None if kicks[0] is None else (kicks[0], kicks[1])
    return Look(minute, state, (home, away), (home_reds, away_reds), penalties, _ms(observed_at))


def _fixture(row: Sequence[Any]) -> Fixture:
    fixture_id, league, round_id, starting_at, state, phase, minute = row[:7]
    home_penalties, away_penalties, settled_at = row[15:]
    return Fixture(
        id=fixture_id,
        league=league,
        round_id=round_id,
        kickoff_ms=_ms(starting_at),
        state=state,
        phase=Phase(phase),
        minute=minute,
        home=Club(*row[7:10]),
        away=Club(*row[10:13]),
        score=(row[13], row[14]),
        penalties=None if home_penalties is None else (home_penalties, away_penalties),
        settled_ms=None if settled_at is None else _ms(settled_at),
    )
