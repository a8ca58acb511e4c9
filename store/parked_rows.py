"""Parked facts one by one, for whoever has to decide about them.

Source: docs/operations.md, "What admins may do"; store/parked.py for what they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from .entries import Entry
from .facts import insert_kinds
from .keys import OutboxName
from .parked import postpone
from .postgres import Postgres
from .refusals import Cursor
from .telling import Tell, nobody

LONGEST_S = 50.0  #: whether the books need a fact is looked up in the whole ledger

_MADE = "(extract(epoch FROM created_at) * 1000)::bigint"
_COLUMNS = f"""id::text, payload, malformed, attempts, last_error, dead, {_MADE},
 (extract(epoch FROM next_retry_at) * 1000)::bigint"""
_ROWS = " UNION ALL ".join(
    f"SELECT '{table.value}' AS stream, * FROM {table.value}" for table in OutboxName
)
_VERSION = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Row:
    """One parked fact; *kind* is that of the fact, times are real Unix ms."""

    stream: OutboxName
    id: str
    payload: Mapping[str, str]
    malformed: bool
    attempts: int
    error: str | None
    dead: bool
    created_ms: int
    retry_ms: int

    @property
    def kind(self) -> str:
        """Such as `trade`."""
        return str(self.payload.get("k", ""))


@dataclass(frozen=True, slots=True)
class Tried:
    """A row that was tried; *error* is why Postgres refuses it, None: the ledger has it now."""

    row: Row
    error: str | None


class Kept(Enum):
    """Why nothing was deleted."""

    UNKNOWN = "unknown"  #: there is no such row
    NEEDED = "needed"  #: the books would have a hole


class ParkedRows:
    """The tables of parked facts. Every method may raise an outage of Postgres."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def page(self, before: tuple[int, str] | None, limit: int) -> list[Row]:
        """At most *limit* rows, newest first, behind the one of this time and id."""
        where = f"WHERE ({_MADE}, id) < (%s, %s)" if before else ""
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"SELECT stream, {_COLUMNS} FROM ({_ROWS}) AS parked {where}"
                f" ORDER BY {_MADE} DESC, parked.id DESC LIMIT %s",
                (*(before or ()), limit),
            )
            return [_row(row) for row in cursor.fetchall()]

    def retry(self, row_id: str, tell: Tell[Tried] = nobody) -> Tried | None:
        """Try one once more, right now, and *tell* of it; None if there is none of this id."""
        with self._pg.transaction() as cursor:
            row = _locked(cursor, row_id)
            if row is None:
                return None
            refused: list[Exception] = []
            entry = Entry(row.id, row.payload)
            insert_kinds(cursor, [entry], lambda _cursor, _entry, error: refused.append(error))
            if refused:
                postpone(cursor, row.stream, row.id, refused[0])
                tried = Tried(row, str(refused[0]))
                tell(cursor, tried)
                return tried
            cursor.execute(f"DELETE FROM {row.stream} WHERE id = %s", (row.id,))
            tried = Tried(row, None)
            tell(cursor, tried)
            return tried

    def delete(self, row_id: str, tell: Tell[Row] = nobody) -> Row | Kept:
        """Delete one that the books do not need; *tell* of it in the same transaction."""
        with self._pg.transaction(LONGEST_S) as cursor:
            row = _locked(cursor, row_id)
            if row is None:
                return Kept.UNKNOWN
            if _needed(cursor, row):
                return Kept.NEEDED
            cursor.execute(f"DELETE FROM {row.stream} WHERE id = %s", (row.id,))
            tell(cursor, row)
            return row


def _locked(cursor: Cursor, row_id: str) -> Row | None:
    for table in OutboxName:
        cursor.execute(
            f"SELECT %s, {_COLUMNS} FROM {table} WHERE id = %s FOR UPDATE", (table.value, row_id)
        )
        found = cursor.fetchone()
        if found is not None:
            return _row(found)
    return None


def _needed(cursor: Cursor, row: Row) -> bool:
    """Whether the books lack something without *row*.

    A fact has changed balances, so one that the ledger has not is the only proof of that. What is
    malformed proves nothing, unless the ledger has a gap where it says that it belongs.
    """
    if _recorded(cursor, row):
        return False
    if not row.malformed:
        return True
    version = str(row.payload.get("tv", ""))
    if not _VERSION.fullmatch(version):
        return False
    cursor.execute(
        "SELECT EXISTS (SELECT FROM wallet_postings WHERE user_id = 0 AND version = %s)",
        (int(version),),
    )
    return not cursor.fetchone()[0]


def _recorded(cursor: Cursor, row: Row) -> bool:
    try:
        fact_id = str(UUID(str(row.payload.get("event") or row.payload.get("id", ""))))
    except ValueError:
        return False
    if row.kind == "order":
        cursor.execute(
            "SELECT EXISTS (SELECT FROM orders WHERE id = %s AND status IN ('filled', 'rejected',"
            " %s))",
            (fact_id, str(row.payload.get("st", ""))),
        )
    else:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM trades WHERE id = %(id)s UNION ALL"
            " SELECT FROM wallet_ledger WHERE id = %(id)s UNION ALL"
            " SELECT FROM cfd_events WHERE id = %(id)s)",
            {"id": fact_id},
        )
    return bool(cursor.fetchone()[0])


def _row(found: Sequence[Any]) -> Row:
    stream, *rest = found
    return Row(OutboxName(stream), *rest)
