"""Facts that Postgres refused: parked in a table named like their stream, never dropped.

A refused fact has already changed balances in Redis, so it must reach the
ledger in the end. It waits here, in the transaction that would have inserted
it, and is tried again with growing pauses until what it refers to exists or a
person has repaired it.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg2
import structlog
from psycopg2.extras import Json

from .entries import Entry
from .facts import insert_kinds, kind_of
from .keys import OutboxName
from .postgres import Postgres
from .refusals import Cursor

FIRST_RETRY_S = 5  #: doubled with every attempt
LAST_RETRY_S = 3600  #: longest pause between two attempts
ALARM_ATTEMPTS = 10  #: from here on every attempt is logged as an error
BATCH = 100  #: rows tried in one transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of the parked facts that were due."""

    inserted: int
    refused: int


def park(cursor: Cursor, entry: Entry, error: Exception) -> None:
    """Keep *entry* inside the caller's transaction; parking it twice is the same as once."""
    kind = kind_of(entry)
    table = kind.outbox if kind else OutboxName.TRADES
    fact_id = kind.fact_id(entry) if kind else entry.fields.get("id", "")
    malformed = _malformed(error)
    cursor.execute(
        f"INSERT INTO {table} (id, payload, malformed, last_error, next_retry_at)"
        " VALUES (%s, %s, %s, %s, now() + %s * INTERVAL '1 second') ON CONFLICT (id) DO NOTHING",
        (
            _own_id(entry) if malformed else _park_id(entry, fact_id),
            Json(_payload(entry)),
            malformed,
            str(error),
            FIRST_RETRY_S,
        ),
    )
    log.error("fact refused", entry=entry.id, fact=fact_id, error=str(error))


class Parked:
    """The table of parked facts called *table*."""

    def __init__(self, pg: Postgres, table: OutboxName) -> None:
        self._pg = pg
        self._table = table

    def retry(self) -> Retried:
        """Try every parked fact that is due once more, at most `BATCH` of them.

        Rows that another drainer holds are skipped, so several may run.
        """
        with self._pg.transaction() as cursor:
            due = self._due(cursor)
            refused: dict[str, Exception] = {}
            insert_kinds(cursor, due, lambda _, entry, error: refused.update({entry.id: error}))
            inserted = [entry.id for entry in due if entry.id not in refused]
            cursor.execute(f"DELETE FROM {self._table} WHERE id = ANY(%s::uuid[])", (inserted,))
            for fact_id, error in refused.items():
                postpone(cursor, self._table, fact_id, error)
        return Retried(len(inserted), len(refused))

    def count(self) -> int:
        """How many facts are parked."""
        with self._pg.transaction() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self._table}")
            return int(cursor.fetchone()[0])

    def _due(self, cursor: Cursor) -> Sequence[Entry]:
        cursor.execute(
            f"SELECT id::text, payload FROM {self._table}"
            " WHERE NOT dead AND next_retry_at <= now()"
            " ORDER BY next_retry_at FOR UPDATE SKIP LOCKED LIMIT %s",
            (BATCH,),
        )
        return [Entry(fact_id, payload) for fact_id, payload in cursor.fetchall()]


def postpone(cursor: Cursor, table: OutboxName, row_id: str, error: Exception) -> None:
    """Have a row of *table*, which Postgres has just refused once more, wait twice as long."""
    cursor.execute(
        f"UPDATE {table} SET attempts = attempts + 1, last_error = %s, malformed = %s,"
        " next_retry_at = now() + least(%s * 2 ^ least(attempts + 1, 20), %s)"
        " * INTERVAL '1 second' WHERE id = %s RETURNING attempts",
        (str(error), _malformed(error), FIRST_RETRY_S, LAST_RETRY_S, row_id),
    )
    attempts = cursor.fetchone()[0]
    if attempts >= ALARM_ATTEMPTS:
        log.error("fact still refused", fact=row_id, attempts=attempts, error=str(error))


def _malformed(error: Exception) -> bool:
    # A row that a constraint refused has passed every cast; anything else has
    # not, and must stay out of views that cast its payload.
    return not isinstance(error, psycopg2.IntegrityError)


def _park_id(entry: Entry, fact_id: str) -> str:
    if entry.fields.get("k") == "order":
        # An order's facts, and the trade that it becomes, have one id in common.
        name = f"{fact_id}:{entry.fields.get('st')}"
        return str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    return str(uuid.UUID(fact_id))  # it has passed the cast


def _own_id(entry: Entry) -> str:
    """An id for nonsense: by all of it, for what it gives for its id may be that of a fact."""
    name = json.dumps([entry.id, _payload(entry)])
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _payload(entry: Entry) -> dict[str, str]:
    # jsonb cannot hold NUL; whoever repairs the fact sees the replacement.
    return {_shown(name): _shown(value) for name, value in entry.fields.items()}


def _shown(text: str) -> str:
    return text.replace("\0", "\ufffd")
