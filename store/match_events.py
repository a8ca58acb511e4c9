"""The feed's list of what happened in a match, in Postgres: from when, and to when, it was there.

Written with the look that showed it, for matches that are not settled.

Source: docs/protocol.md, "Events of a fixture".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg2.extras import execute_values

from ..domain.match import MatchSnapshot
from ..domain.match_events import EventType, Happening, MatchEvent
from .refusals import Cursor

_SEEN = """
INSERT INTO match_events AS e (fixture_id, event_id, type, team_id, minute, extra_minute, player,
                               info, rescinded_at, first_seen)
VALUES %s
ON CONFLICT (fixture_id, event_id) DO UPDATE SET
    type = excluded.type, team_id = excluded.team_id, minute = excluded.minute,
    extra_minute = excluded.extra_minute, player = excluded.player, info = excluded.info,
    rescinded_at = CASE WHEN excluded.rescinded_at IS NULL THEN NULL
                        ELSE coalesce(e.rescinded_at, excluded.rescinded_at) END,
    vanished_at = NULL
"""
_VANISHED = """
UPDATE match_events SET vanished_at = %s
 WHERE fixture_id = ANY(%s) AND vanished_at IS NULL AND NOT event_id = ANY(%s)
"""
_ALL = """
SELECT e.type, e.team_id = f.home_team_id, e.team_id = f.away_team_id, e.minute, e.player,
       e.first_seen, e.vanished_at, e.rescinded_at
  FROM match_events e JOIN fixtures f ON f.id = e.fixture_id
 WHERE e.fixture_id = %s ORDER BY e.first_seen, e.minute, e.extra_minute NULLS FIRST, e.event_id
"""


def write_events(cursor: Cursor, matches: Sequence[MatchSnapshot], at: datetime) -> None:
    """Take in what *matches* list at *at*, and note what they list no more."""
    rows = [_row(match.fixture, event, at) for match in matches for event in match.events]
    if rows:
        execute_values(cursor, _SEEN, rows)
    # The feed numbers the events of all matches together.
    fixtures = [match.fixture for match in matches]
    cursor.execute(_VANISHED, (at, fixtures, [row[1] for row in rows]))


def happenings(cursor: Cursor, fixture: int) -> tuple[Happening, ...]:
    """Everything that was ever listed of *fixture*, oldest first."""
    cursor.execute(_ALL, (fixture,))
    return tuple(map(_happening, cursor.fetchall()))


def _row(fixture: int, event: MatchEvent, at: datetime) -> tuple[Any, ...]:
    rescinded_at = at if event.rescinded else None
    said = (event.minute, event.extra_minute, event.player, event.info)
    return fixture, event.id, event.type.value, event.team, *said, rescinded_at, at


def _happening(row: Sequence[Any]) -> Happening:
    kind, home, away, minute, player, first_seen, vanished_at, rescinded_at = row
    return Happening(
        type=EventType(kind),
        side="home" if home else "away" if away else None,
        minute=minute,
        player=player,
        first_seen_ms=_ms(first_seen) or 0,
        vanished_ms=_ms(vanished_at),
        rescinded_ms=_ms(rescinded_at),
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.astimezone(UTC).timestamp() * 1000)
