"""Which instrument a team of the feed moves: operators may have two teams change places.

The feed may show a club under a new number, and a new instrument is listed for it then. Linked, the
team moves the club's old instrument, and the new one takes the team that one had, or none: no team
is ever without an instrument. What has been settled stays with the instruments it has moved.

Source: docs/market.md, "Results that operators set".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..domain.ids import InstrumentIdx
from ..domain.results import Pair
from .clubs import lock_listing
from .fixture_acts import Hindrance
from .fixture_rows import locked_row
from .hot import Hot
from .postgres import Postgres
from .refusals import Cursor
from .telling import Tell, nobody

Side = Literal["home", "away"]


@dataclass(frozen=True, slots=True)
class Linked:
    """The instruments of a fixture before and after; equal if there was nothing to do."""

    teams: Pair
    before: Pair
    after: Pair


class TeamLinks:
    """The teams of instruments in Postgres, and the scheduler that has read them."""

    def __init__(self, pg: Postgres, hot: Hot) -> None:
        self._pg = pg
        self._hot = hot

    def link(
        self, fixture: int, side: Side, idx: InstrumentIdx, tell: Tell[Linked] = nobody
    ) -> Linked | Hindrance:
        """Have the team of one *side* of *fixture* move the instrument *idx* from now on.

        *tell* of it in the same transaction; the scheduler is told after it.
        """
        with self._pg.transaction() as cursor:
            lock_listing(cursor)
            _overtake_scheduler(cursor)
            row = locked_row(cursor, fixture)
            if row is None:
                return Hindrance.UNKNOWN
            team = row.teams.home if side == "home" else row.teams.away
            before = _instruments(cursor, row.teams)
            other = _team(cursor, idx)
            if other != team:
                if _playing(cursor, [team, other]):
                    return Hindrance.CLUB_IN_PLAY
                _change_places(cursor, team, idx, other)
            linked = Linked(row.teams, before, _instruments(cursor, row.teams))
            tell(cursor, linked)
        self._hot.begin_feed_anew()
        return linked


def _overtake_scheduler(cursor: Cursor) -> None:
    # Whoever leads writes down no more of what it has read before this.
    cursor.execute(
        "INSERT INTO fence (name, token) VALUES ('scheduler', nextval('fence_token'))"
        " ON CONFLICT (name) DO UPDATE SET token = excluded.token"
    )


def _instruments(cursor: Cursor, teams: Pair) -> Pair:
    cursor.execute("SELECT team_id, idx FROM instruments WHERE team_id IN %s", (tuple(teams),))
    found = dict(cursor.fetchall())
    return Pair(found[teams.home], found[teams.away])


def _team(cursor: Cursor, idx: InstrumentIdx) -> int | None:
    cursor.execute("SELECT team_id FROM instruments WHERE idx = %s", (idx,))
    row: Any = cursor.fetchone()
    return None if row is None else row[0]


def _playing(cursor: Cursor, teams: list[int | None]) -> bool:
    cursor.execute(
        "SELECT count(*) FROM fixtures WHERE settled_at IS NULL AND voided_at IS NULL"
        " AND phase NOT IN ('scheduled', 'void')"
        " AND (home_team_id = ANY(%s) OR away_team_id = ANY(%s))",
        (teams, teams),
    )
    return bool(cursor.fetchone()[0])


def _change_places(cursor: Cursor, team: int, idx: InstrumentIdx, other: int | None) -> None:
    cursor.execute("SELECT idx FROM instruments WHERE team_id = %s", (team,))
    (now,) = cursor.fetchone()
    for instrument, moves in ((now, None), (idx, team), (now, other)):
        cursor.execute("UPDATE instruments SET team_id = %s WHERE idx = %s", (moves, instrument))
