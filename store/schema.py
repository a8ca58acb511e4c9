"""Brings the schema of a database up to the files of this Touchline, one after the other.

Each file is applied in a transaction of its own, together with its row in `schema_files`, and
under a lock that only one process holds at a time; every holder looks anew at what is there. So
several processes may start at once, and a file that fails leaves the one before it in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg2
import structlog

from .postgres import Postgres
from .refusals import Cursor
from .schema_files import (
    Applied,
    SchemaFile,
    SchemaMismatch,
    packaged_files,
    still_to_apply,
    unknown,
)

LOCK_ID = 0x746F7563686C696E  #: advisory lock: "touchlin"; one process at a time applies
LONGEST_S = 3600.0  #: of one statement: a change may rewrite a whole table
#: A change that waits for a table makes all who come later wait behind it; rather it tries again.
LOCK_MS = 5000

#: What waiting or another setting helps against; of it the caller knows more.
_NOT_OURS: tuple[type[psycopg2.Error], ...] = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.InsufficientPrivilege,
    psycopg2.errors.InvalidSchemaName,
)

#: How many tables there are, and whether ours is one: of one moment, for another process may be
#: applying its first file between two questions.
_TABLES = """
SELECT count(*) FILTER (WHERE schemaname = current_schema()),
       coalesce(bool_or(tablename = 'schema_files'), false)
  FROM pg_tables WHERE schemaname = ANY (current_schemas(false))
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a database stands: what it lacks, and what it has that is not known here."""

    to_apply: tuple[SchemaFile, ...]
    beyond: tuple[Applied, ...]


def apply_schema(
    pg: Postgres, files: Sequence[SchemaFile] | None = None, *, breaking: bool = False
) -> tuple[SchemaFile, ...]:
    """Apply what the database lacks of *files*, by default the packaged ones; return it.

    Args:
        breaking: whether files that older programs cannot work beside may be applied too; an
            empty database has no older programs.

    Raises:
        SchemaMismatch: the database is somebody else's, or does not belong to these files, or a
            file failed; those before it stay applied.
    """
    known = packaged_files() if files is None else files
    with pg.transaction() as cursor:
        breaking = breaking or not _applied(cursor)
    done: list[SchemaFile] = []
    while (step := _apply_next(pg, known, breaking=breaking)) is not None:
        done.append(step)
    return tuple(done)


def schema_state(pg: Postgres, files: Sequence[SchemaFile] | None = None) -> SchemaState:
    """What `apply_schema` would find; changes nothing.

    Raises:
        SchemaMismatch: as `apply_schema`, as far as it can be told beforehand.
    """
    known = packaged_files() if files is None else files
    with pg.transaction() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        return _state(known, _applied(cursor))


def _apply_next(pg: Postgres, known: Sequence[SchemaFile], *, breaking: bool) -> SchemaFile | None:
    with pg.transaction(LONGEST_S) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_ID,))
        state = _state(known, _applied(cursor))
        if state.beyond:
            newest = state.beyond[-1].name
            _log.warning("a newer touchline has been at the schema", newest=newest)
        if not state.to_apply:
            return None
        step = state.to_apply[0]
        if not (step.additive or breaking):
            raise SchemaMismatch(
                f"{step.name} is breaking: stop every older program, then run"
                " `touchline schema apply`"
            )
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
        _run(cursor, step)
    return step


def _run(cursor: Cursor, step: SchemaFile) -> None:
    try:
        cursor.execute(step.sql)
        cursor.execute(
            "INSERT INTO schema_files (number, name, checksum, additive) VALUES (%s, %s, %s, %s)",
            (step.number, step.name, step.checksum, step.additive),
        )
    except _NOT_OURS:
        raise
    except psycopg2.Error as why:
        said = str(why).partition("\n")[0]
        raise SchemaMismatch(f"{step.name} cannot be applied: {said}") from why


def _state(known: Sequence[SchemaFile], applied: Sequence[Applied]) -> SchemaState:
    return SchemaState(still_to_apply(known, applied), tuple(unknown(known, applied)))


def _applied(cursor: Cursor) -> list[Applied]:
    """What the database has had applied; nothing if it is empty."""
    cursor.execute(_TABLES)
    tables, ours = cursor.fetchone()
    if ours:
        cursor.execute("SELECT number, name, checksum, additive FROM schema_files ORDER BY number")
        return [Applied(*row) for row in cursor.fetchall()]
    if tables:
        raise SchemaMismatch(
            f"the database has {tables} tables but no schema_files: it is not Touchline's"
        )
    return []
