"""States on their way to Postgres: instruments, wallets, holdings and positions.

Redis holds each as a hash with a version that grows with every change and marks
it in a dirty set; the tables are caches of those hashes. A row is written only
over an older version, and a mark is removed only if the hash still has the
version that was written. So flushers may overlap, repeat themselves and die at
any point: what was not written stays marked, and nothing newer is overwritten.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg2
import redis
from redis.exceptions import ResponseError

from ..domain.ids import TREASURY
from .arrays import array_columns
from .keys import Keys, State
from .layouts import LAYOUTS, Layout
from .life import life_of
from .redis_client import raw_replies
from .refusals import Cursor, write_or_bisect
from .scripts import Scripts


@dataclass(frozen=True, slots=True)
class Row:
    """One state as read from Redis: its dirty member, its columns, and the version last."""

    member: str
    values: tuple[str | None, ...]

    @property
    def version(self) -> int:
        """How often the state has changed."""
        return int(self.values[-1] or 0)


@dataclass(frozen=True, slots=True)
class Peeked:
    """States read for one flush, and how many were marked dirty at that moment."""

    rows: Mapping[State, Sequence[Row]]
    waiting: int
    life: int  #: of Redis, before the first was read

    def __len__(self) -> int:
        return self.sizes.total()

    @property
    def sizes(self) -> Counter[State]:
        """How many states were read, by kind."""
        return Counter({state: len(rows) for state, rows in self.rows.items()})


#: Why Postgres refused a state, by kind and member.
Refusals = Mapping[tuple[State, str], str]


class States:
    """The dirty sets, the hashes behind them, and the tables they go to."""

    def __init__(self, client: redis.Redis, keys: Keys, scripts: Scripts) -> None:
        self._redis = client
        self._keys = keys
        self._scripts = scripts

    def peek(self, limit: int) -> Peeked:
        """Read at most *limit* dirty states of each kind; nothing is taken out."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(self._keys.wallet(TREASURY), "v")
            for layout in LAYOUTS:
                pipe.srandmember(self._keys.dirty(layout.state), limit)
                pipe.scard(self._keys.dirty(layout.state))
            version, *replies = pipe.execute()
        members = dict(zip((each.state for each in LAYOUTS), replies[::2], strict=True))
        life = life_of(int(version or 0))
        # A key of another type, which somebody has put there, holds up no state but its own.
        found = self._found(members, ignored="WRONGTYPE")
        return Peeked(found, waiting=sum(replies[1::2]), life=life)

    def read(self, members: Mapping[State, Sequence[str]]) -> dict[State, list[Row]]:
        """The present state of *members*, sorted.

        Those without a hash are left out, and words that are no members: somebody has added them.

        Raises:
            ResponseError: one of them cannot be read; it says which.
        """
        return self._found(members)

    def write(self, cursor: Cursor, peeked: Peeked) -> Refusals:
        """Upsert what was peeked inside the caller's transaction; what Postgres refused."""
        refusals: dict[tuple[State, str], str] = {}
        for layout in LAYOUTS:
            _write(cursor, layout, peeked.rows[layout.state], refusals)
        return refusals

    def ack(self, peeked: Peeked, refusals: Refusals) -> int:
        """Unmark what was written and has not changed since; return how many were unmarked.

        What Postgres refused stays dirty.
        """
        flushed = {
            state: [
                (row.member, row.version) for row in rows if (state, row.member) not in refusals
            ]
            for state, rows in peeked.rows.items()
        }
        return self._scripts.flush_ack(flushed)

    def waiting(self) -> int:
        """How many states are marked dirty."""
        with self._redis.pipeline(transaction=False) as pipe:
            for layout in LAYOUTS:
                pipe.scard(self._keys.dirty(layout.state))
            return sum(pipe.execute())

    def _found(
        self, members: Mapping[State, Sequence[str]], ignored: str = ""
    ) -> dict[State, list[Row]]:
        rows: dict[State, list[Row]] = {layout.state: [] for layout in LAYOUTS}
        wanted = [
            (layout, member)
            for layout in LAYOUTS
            for member in sorted(members[layout.state])
            if layout.names(member)
        ]
        commands = [self._reading(layout, member) for layout, member in wanted]
        replies = raw_replies(self._redis, commands)
        for (layout, member), command, values in zip(wanted, commands, replies, strict=True):
            if ignored and isinstance(values, ResponseError) and str(values).startswith(ignored):
                continue
            if isinstance(values, ResponseError):
                raise ResponseError(f"{command[1]}: {values}") from values
            if values[-1] is not None:
                rows[layout.state].append(Row(member, layout.values(member, values)))
        return rows

    def _reading(self, layout: Layout, member: str) -> tuple[str, ...]:
        key, version_field = self._keys.versioned(layout.state, member)
        return ("HMGET", key, *layout.fields_of(member), version_field)


def _write(
    cursor: Cursor, layout: Layout, rows: Sequence[Row], refusals: dict[tuple[State, str], str]
) -> None:
    def upsert(cursor: Cursor, rows: Sequence[Row]) -> None:
        cursor.execute(layout.upsert, array_columns([row.values for row in rows]))

    def refuse(_: Cursor, row: Row, error: psycopg2.Error) -> None:
        refusals[layout.state, row.member] = str(error)

    write_or_bisect(cursor, rows, upsert, refuse)
