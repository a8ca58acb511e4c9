"""Redis against Postgres, state by state, while both go on changing.

All rows of Postgres are gone through by their keys, some hundred at a time, and then what Redis
has beyond them; so it takes little memory, and waits often enough to hold up nobody.

Of each state Postgres is read first. Versions only grow, so a row that is newer than a hash
read after it has no business being so. A hash that is newer must be marked
dirty, or have reached Postgres since, which a second look at the row tells.
At equal versions every column must be equal. A position that is over may be
missing from Redis, which forgets it in the end.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from typing import Any, assert_never

import redis

from .arrays import array_columns
from .keys import Keys, State
from .layouts import LAYOUTS, Layout
from .postgres import Postgres
from .refusals import Cursor
from .scripts import Scripts
from .states import States

CHUNK = 200  #: states in one round trip; some 10 ms of work, while nobody else has a turn
VERSION = re.compile("[0-9]{1,18}")  #: what surely fits a BIGINT
#: What surely fits a column by which states are told apart.
_NAMES = {
    "int": re.compile("[0-9]{1,9}"),
    "uuid": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}


class Finding(StrEnum):
    """What can be wrong with one state."""

    POSTGRES_NEWER = "postgres is newer"
    UNMARKED = "redis is newer and not marked dirty"
    UNEQUAL = "unequal at the same version"
    UNREADABLE = "unreadable in redis"


@dataclass(frozen=True, slots=True)
class Difference:
    """One state that is wrong on one side; columns are those that differ."""

    state: State
    member: str
    finding: Finding
    redis_version: int
    postgres_version: int
    columns: tuple[str, ...] = ()


class Comparison:
    """Compares all states of one Redis and one Postgres."""

    def __init__(self, client: redis.Redis, keys: Keys, pg: Postgres) -> None:
        self._redis = client
        self._keys = keys
        self._pg = pg
        self._states = States(client, keys, Scripts(client, keys))
        self._redis_hash, self._postgres_hash = sha256(), sha256()

    @property
    def state_hashes(self) -> dict[str, str]:
        """SHA-256 over all states of one version on both sides, as either side has them.

        For `differences` that were read to their end. Two runs on books that did not change in
        between have the same hashes, and so has a copy of the books.
        """
        return {"redis": self._redis_hash.hexdigest(), "postgres": self._postgres_hash.hexdigest()}

    def differences(self) -> Iterator[Difference]:
        """Every state that is wrong."""
        for layout in LAYOUTS:
            for rows in self._pages(layout):
                yield from self._compare(layout, list(rows), rows)
            members = self._members(layout.state)
            while chunk := sorted(set(islice(members, CHUNK))):
                yield from self._compare_unpaged(layout, chunk)

    def _compare_unpaged(self, layout: Layout, members: Sequence[str]) -> Iterator[Difference]:
        """Compare those of *members* whose rows were on no page.

        They are over, or nothing of them has been written; what has been since, the next run sees.
        """
        named = [member for member in members if _named(layout, member)]
        rows = self._rows(layout, named) if named else {}
        rest = [each for each in members if each not in rows or not _paged(layout, rows[each])]
        if rest:
            yield from self._compare(layout, rest, rows)

    def _compare(
        self, layout: Layout, members: Sequence[str], rows: Mapping[str, Sequence[str]]
    ) -> Iterator[Difference]:
        # The hashes after the rows, and the marks last: what is unmarked after it was read
        # has been written at least as it was read.
        hashes = self._hashes(layout.state, members)
        marked = self._marked(layout.state, members)
        unmarked = []
        for member in members:
            row, hashed = rows.get(member, ["0"]), hashes.get(member, ("0",))
            theirs = int(row[-1])
            if not (_named(layout, member) and VERSION.fullmatch(hashed[-1] or "")):
                yield Difference(layout.state, member, Finding.UNREADABLE, 0, theirs)
                continue
            ours = int(hashed[-1] or 0)
            if member not in hashes and _over(layout, row):
                continue
            if theirs > ours:
                yield Difference(layout.state, member, Finding.POSTGRES_NEWER, ours, theirs)
            elif ours == theirs:
                if columns := self._unequal(layout, hashed, row):
                    unequal = Finding.UNEQUAL
                    yield Difference(layout.state, member, unequal, ours, theirs, columns)
            elif member not in marked:
                unmarked.append((member, ours))
        yield from self._still_behind(layout, unmarked)

    def _unequal(
        self, layout: Layout, hashed: Sequence[str | None], row: Sequence[str | None]
    ) -> tuple[str, ...]:
        """Names of the columns that differ; what was compared goes into the hashes."""
        names = [column.name for column in layout.all_columns]
        compared = [
            (name, ours, theirs)
            for name, ours, theirs in zip(names, hashed, row, strict=False)
            if name not in layout.fixed
        ]
        for digest, side in ((self._redis_hash, 1), (self._postgres_hash, 2)):
            if _paged(layout, row):  # the others come in no order
                cells = (layout.state.value, [cell[side] for cell in compared])
                digest.update(repr(cells).encode())
        return tuple(name for name, ours, theirs in compared if ours != theirs)

    def _still_behind(
        self, layout: Layout, unmarked: Sequence[tuple[str, int]]
    ) -> Iterator[Difference]:
        rows = self._rows(layout, [member for member, _ in unmarked]) if unmarked else {}
        for member, ours in unmarked:
            theirs = int(rows.get(member, ["0"])[-1])
            if theirs < ours:
                yield Difference(layout.state, member, Finding.UNMARKED, ours, theirs)

    def _members(self, state: State) -> Iterator[str]:
        match state:
            case State.INSTRUMENTS:
                found: Any = self._redis.smembers(self._keys.instruments)
                yield from found
            case State.WALLETS:
                prefix = self._keys.wallet("")
                for key in self._redis.scan_iter(f"{prefix}*", count=CHUNK):
                    yield key.removeprefix(prefix)
            case State.HOLDINGS:
                prefix = self._keys.hold("")
                for key in self._redis.scan_iter(f"{prefix}*", count=CHUNK):
                    fields: Any = self._redis.hkeys(key)
                    user = key.removeprefix(prefix)
                    yield from (f"{user}:{idx}" for idx in fields if idx.isdecimal())
            case State.POSITIONS:
                prefix = self._keys.pos("")
                for key in self._redis.scan_iter(f"{prefix}*", count=CHUNK):
                    yield key.removeprefix(prefix)
            case _:
                assert_never(state)

    def _hashes(self, state: State, members: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
        wanted = {each.state: members if each.state is state else () for each in LAYOUTS}
        return {row.member: row.values for row in self._states.read(wanted)[state]}

    def _marked(self, state: State, members: Sequence[str]) -> set[str]:
        reply: Any = self._redis.smismember(self._keys.dirty(state), list(members))
        return {member for member, marked in zip(members, reply, strict=True) if marked}

    def _pages(self, layout: Layout) -> Iterator[dict[str, Sequence[str]]]:
        """All rows that a flusher has written and that last, in the order of their keys."""
        names = ", ".join(f"{layout.table}.{column.name}" for column in layout.identity)
        last = ", ".join(f"%s::{column.type}" for column in layout.identity)
        lasting = f" AND {layout.ended} IS NULL" if layout.ended else ""
        after: Sequence[str] = ()
        while True:
            beyond = f" AND ({names}) > ({last})" if after else ""
            with self._pg.transaction() as cursor:
                cursor.execute(
                    f"{layout.select()} WHERE version > 0{lasting}{beyond}"
                    f" ORDER BY {names} LIMIT {CHUNK}",
                    after,
                )
                rows = _by_member(layout, cursor)
            if not rows:
                return
            yield rows
            after = list(rows)[-1].split(":")

    def _rows(self, layout: Layout, members: Sequence[str]) -> dict[str, Sequence[str]]:
        names = ", ".join(column.name for column in layout.identity)
        arrays = ", ".join(f"%s::{column.type}[]" for column in layout.identity)
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"{layout.select()} JOIN unnest({arrays}) AS wanted ({names}) USING ({names})",
                array_columns([member.split(":") for member in members]),
            )
            return _by_member(layout, cursor)


def _named(layout: Layout, member: str) -> bool:
    """Whether Postgres could hold a state of this name."""
    parts = zip(layout.identity, member.split(":"), strict=False)
    return all(_NAMES.get(column.type, VERSION).fullmatch(part) for column, part in parts)


def _over(layout: Layout, row: Sequence[str | None]) -> bool:
    """Whether the state has ended by its row; one without a row has not."""
    names = [column.name for column in layout.all_columns]
    return layout.ended in names and len(row) > 1 and row[names.index(layout.ended)] is not None


def _paged(layout: Layout, row: Sequence[str | None]) -> bool:
    """Whether a row is on one of the pages; version 0 is of the feed, and not yet flushed."""
    return row[-1] != "0" and not _over(layout, row)


def _by_member(layout: Layout, cursor: Cursor) -> dict[str, Sequence[str]]:
    width = len(layout.identity)
    return {":".join(row[:width]): row for row in cursor.fetchall()}
