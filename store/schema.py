"""Puts schema.sql into an empty database, and refuses a database of another version."""

from importlib.resources import files
from typing import Any

from .postgres import Postgres

SCHEMA_VERSION = 1  #: what schema.sql writes into the table schema_version
LOCK_ID = 0x746F7563686C696E  #: advisory lock: "touchlin"; one process at a time applies


class SchemaMismatch(Exception):
    """The database holds tables, but not those of this version of Touchline."""


def apply_schema(pg: Postgres) -> bool:
    """Apply schema.sql if the database is empty; return whether it was.

    Safe to call from several processes at once: the first applies, the others
    wait for it and then find it done.

    Raises:
        SchemaMismatch: the database is not empty and not of `SCHEMA_VERSION`.
    """
    with pg.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_ID,))
        found = _version(cursor)
        if found is None:
            cursor.execute((files("touchline") / "schema.sql").read_text(encoding="utf-8"))
            return True
    if found != SCHEMA_VERSION:
        raise SchemaMismatch(
            f"the database has schema version {found}, this Touchline needs {SCHEMA_VERSION}"
        )
    return False


def _version(cursor: Any) -> int | None:
    """Version found in the database; None if the database is empty."""
    cursor.execute("SELECT to_regclass('schema_version') IS NOT NULL")
    if cursor.fetchone()[0]:
        cursor.execute("SELECT max(version) FROM schema_version")
        return int(cursor.fetchone()[0])
    cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
    tables = cursor.fetchone()[0]
    if tables:
        raise SchemaMismatch(
            f"the database has {tables} tables but no schema_version: it is not Touchline's"
        )
    return None
