"""CFD positions for whoever asks about them: their newest state, and what happened to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import redis

from ..domain.ids import InstrumentIdx, UserId
from ..domain.position_events import PositionEvent
from ..domain.positions import Position
from .facts import EVENT
from .keys import Keys
from .layouts import POSITIONS
from .position_commands import PositionKey
from .position_hashes import event_of, position_of
from .postgres import Postgres
from .refusals import Cursor

_BEFORE = "({at}, id) < (TIMESTAMPTZ 'epoch' + %s * INTERVAL '1 millisecond', %s)"

_OPEN_BY_USER = """
SELECT user_id, array_agg(id::text ORDER BY opened_at, id), array_agg(idx ORDER BY opened_at, id)
  FROM cfd_positions WHERE closed_at IS NULL AND user_id > %s
 GROUP BY user_id ORDER BY user_id LIMIT %s"""


class Status(StrEnum):
    """Which positions a list has."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A position and events of it, oldest first."""

    position: Position
    events: tuple[PositionEvent, ...]


@dataclass(frozen=True, slots=True)
class PositionCursor:
    """A place in a list of positions, newest first: the last one seen, and when it began or ended.

    ``at_ms`` is its ``opened_ms`` in a list of open positions, else its ``closed_ms``.
    """

    at_ms: int
    position_id: str


class Positions:
    """Positions as Postgres knows them, and as Redis does where that is newer."""

    def __init__(self, pg: Postgres, client: redis.Redis, keys: Keys) -> None:
        self._pg = pg
        self._redis = client
        self._keys = keys

    def one(self, user: UserId, position_id: str) -> Recorded | None:
        """The user's own position *position_id* (a UUID) with all its events.

        The position is as new as Redis has it. Events come from Postgres, so the last ones may be
        missing while Postgres is behind.
        """
        hashed: Any = self._redis.hgetall(self._keys.pos(position_id))
        found = [position_of(hashed)] if hashed else []
        with self._pg.transaction() as cursor:
            found += _positions(cursor, "WHERE id = %s", [position_id])
            events = _events(cursor, "WHERE position_id = %s ORDER BY number", [position_id])
        newest = max(found, key=lambda position: position.version, default=None)
        if newest is None or newest.user != user:
            return None
        return Recorded(newest, tuple(events))

    def key(self, position_id: str) -> PositionKey | None:
        """Whose position *position_id* (a UUID) is, and of what; as Postgres has it."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT user_id, idx FROM cfd_positions WHERE id = %s", (position_id,))
            found = cursor.fetchone()
        return PositionKey(position_id, *found) if found else None

    def made_by(self, position_id: str, idem_key: str) -> PositionEvent | None:
        """What the command with *idem_key* did to a position (a UUID), however long ago.

        As Postgres has it; scripts remember keys for a day.
        """
        where = "WHERE position_id = %s AND idem_key = %s ORDER BY number LIMIT 1"
        with self._pg.transaction() as cursor:
            return next(iter(_events(cursor, where, [position_id, idem_key])), None)

    def page(
        self,
        user: UserId,
        status: Status,
        *,
        limit: int,
        before: PositionCursor | None = None,
        idx: InstrumentIdx | None = None,
    ) -> tuple[Recorded, ...]:
        """At most *limit* of the user's positions, those after *before*, newest first.

        Open ones by when they were opened, without events; closed ones by when they were closed,
        each with the event that closed it. As Postgres has them: a fraction of a second old.
        """
        at = "opened_at" if status is Status.OPEN else "closed_at"
        ended = "IS NULL" if status is Status.OPEN else "IS NOT NULL"
        wanted = [f"user_id = %s AND closed_at {ended}"]
        values: list[object] = [user]
        if before:
            wanted.append(_BEFORE.format(at=at))
            values += [before.at_ms, before.position_id]
        if idx is not None:
            wanted.append("idx = %s")
            values.append(idx)
        where = f"WHERE {' AND '.join(wanted)} ORDER BY {at} DESC, id DESC LIMIT %s"
        with self._pg.transaction() as cursor:
            found = _positions(cursor, where, [*values, limit])
            closes = {} if status is Status.OPEN else _last_events(cursor, found)
        return tuple(Recorded(each, closes.get(each.id, ())) for each in found)

    def open_by_user(
        self, after: UserId, limit: int
    ) -> tuple[tuple[UserId, tuple[PositionKey, ...]], ...]:
        """At most *limit* users above *after* with their open positions, oldest first.

        In the order of users; as Postgres has it. Begin with the treasury, who has none.
        """
        with self._pg.transaction() as cursor:
            cursor.execute(_OPEN_BY_USER, (after, limit))
            return tuple(
                (user, tuple(map(PositionKey, ids, [user] * len(ids), indexes)))
                for user, ids, indexes in cursor.fetchall()
            )


def _positions(cursor: Cursor, where: str, values: Sequence[object]) -> list[Position]:
    cursor.execute(f"{POSITIONS.select()} {where}", values)
    return [position_of(POSITIONS.fields(row)) for row in cursor.fetchall()]


def _events(cursor: Cursor, where: str, values: Sequence[object]) -> list[PositionEvent]:
    cursor.execute(f"{EVENT.select()} {where}", values)
    return [event_of(EVENT.fields(row)) for row in cursor.fetchall()]


def _last_events(
    cursor: Cursor, positions: Sequence[Position]
) -> Mapping[str, tuple[PositionEvent, ...]]:
    where = "JOIN unnest(%s::uuid[], %s::int[]) AS last (position_id, number)"
    values = [[each.id for each in positions], [each.number for each in positions]]
    events = _events(cursor, f"{where} USING (position_id, number)", values)
    return {event.position.id: (event,) for event in events}
