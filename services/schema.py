"""`touchline schema`: what the database lacks of the schema, said or applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from ..config import Servers
from ..store.outage import one_line
from ..store.postgres import Postgres
from ..store.schema import SchemaState, apply_schema, schema_state
from .reach import servers_of


class SchemaUnreadable(Exception):
    """Postgres is away or refuses us; the text is the one line to show."""


def apply(external: Servers | None, data_dir: Path) -> int:
    """Apply what the database lacks, breaking files too; return 0.

    Raises:
        SchemaMismatch: it cannot be applied; files before the one that failed stay applied.
        SchemaUnreadable: Postgres cannot be asked.
        EmbeddedError: there is no data in *data_dir*.
    """
    with _database(external, data_dir) as pg:
        for step in apply_schema(pg, breaking=True):
            print(f"{step.name}: applied")
        print(_stands(schema_state(pg)))
    return 0


def check(external: Servers | None, data_dir: Path) -> int:
    """Say what `apply` would do and change nothing; return 0 if that is nothing, else 1.

    Raises: as `apply`.
    """
    with _database(external, data_dir) as pg:
        state = schema_state(pg)
    for step in state.to_apply:
        print(f"{step.name}: to be applied, {'additive' if step.additive else 'breaking'}")
    print(_stands(state))
    return 1 if state.to_apply else 0


def _stands(state: SchemaState) -> str:
    if state.to_apply:
        return f"schema: behind, files to be applied: {len(state.to_apply)}"
    if state.beyond:
        names = ", ".join(each.name for each in state.beyond)
        return f"schema: in step; a newer Touchline has added {names}"
    return "schema: in step"


@contextmanager
def _database(external: Servers | None, data_dir: Path) -> Iterator[Postgres]:
    with servers_of(external, data_dir) as servers:
        pg = Postgres(servers.database_url, size=1, role="schema")
        try:
            yield pg
        except psycopg2.Error as why:
            raise SchemaUnreadable(f"cannot look at the schema: {one_line(why)}") from None
        finally:
            pg.close()
