"""The ways of writing states to Postgres that bench/flush.py compares; each for any kind of state.

All of them write rows over older versions alone, except the bare COPY, which writes nothing that
anybody could use: it is how fast rows get to Postgres at all.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg2.extras import execute_values
from touchline.store.arrays import Column
from touchline.store.layouts import Layout
from touchline.store.states import Row

Rows = Sequence[tuple[Any, ...]]
"""All columns of each state, whole numbers as such, the version last."""

PAGE = 1_000  #: rows in one statement of `execute_values`; its own 100 is slower


def prepared(cursor: Any, layout: Layout, rows: Rows) -> None:
    """One EXECUTE of a prepared UPDATE for each row."""
    _prepare(cursor, layout)
    execute = f"EXECUTE one ({_marks(layout)})"
    for row in rows:
        cursor.execute(execute, row)
    cursor.execute("DEALLOCATE one")


def executemany(cursor: Any, layout: Layout, rows: Rows) -> None:
    """The same UPDATE, unprepared, by `executemany`."""
    names = [column.name for column in layout.all_columns]
    cursor.executemany(
        _update(layout, {name: f"%({name})s" for name in names}),
        [dict(zip(names, row, strict=True)) for row in rows],
    )


def values(cursor: Any, layout: Layout, rows: Rows) -> None:
    """`psycopg2.extras.execute_values` with the upsert."""
    names = ", ".join(column.name for column in layout.all_columns)
    template = "(" + ", ".join(_from(column, "%s") for column in layout.all_columns) + ")"
    statement = f"INSERT INTO {layout.table} AS stored ({names}) VALUES %s{layout.over_older}"
    execute_values(cursor, statement, rows, template, page_size=PAGE)


def copy_merge(cursor: Any, layout: Layout, rows: Rows) -> None:
    """COPY into a temporary table, then one upsert from there."""
    copy(cursor, layout, rows)
    columns = layout.all_columns
    cursor.execute(
        f"INSERT INTO {layout.table} AS stored ({', '.join(column.name for column in columns)})"
        f" SELECT {', '.join(_from(column, column.name) for column in columns)} FROM arrived"
        f"{layout.over_older}"
    )


def copy(cursor: Any, layout: Layout, rows: Rows) -> None:
    """COPY into a temporary table and nothing else."""
    columns = ", ".join(f"{column.name} {_type(column)}" for column in layout.all_columns)
    cursor.execute(f"DROP TABLE IF EXISTS arrived; CREATE TEMPORARY TABLE arrived ({columns})")
    lines = ["\t".join("\\N" if v is None else str(v) for v in row) for row in rows]
    cursor.copy_expert("COPY arrived FROM STDIN", io.StringIO("\n".join(lines)))


Way = Callable[[Any, Layout, Any], None]
PEERS: Mapping[str, Way] = {
    "update_prepared": prepared,
    "update_executemany": executemany,
    "execute_values": values,
    "copy_merge": copy_merge,
    "copy_alone": copy,
}
SINGLE = ("update_prepared", "update_executemany")


def numbers(layout: Layout, row: Row) -> tuple[Any, ...]:
    """*row* as a peer would have it."""
    texts = ("text", "uuid", "bool")
    return tuple(
        value if value is None or column.type in texts else int(value)
        for column, value in zip(layout.all_columns, row.values, strict=True)
    )


def _prepare(cursor: Any, layout: Layout) -> None:
    columns = layout.all_columns
    types = ", ".join(map(_type, columns))
    places = {column.name: f"${n}" for n, column in enumerate(columns, 1)}
    cursor.execute(f"PREPARE one ({types}) AS {_update(layout, places)}")


def _update(layout: Layout, places: Mapping[str, str]) -> str:
    given = {column.name: _from(column, places[column.name]) for column in layout.all_columns}
    keys = [column.name for column in layout.identity]
    sets = ", ".join(f"{name} = {value}" for name, value in given.items() if name not in keys)
    stamp = ", updated_at = now()" if layout.stamped else ""
    where = " AND ".join(f"{key} = {given[key]}" for key in keys)
    return f"UPDATE {layout.table} SET {sets}{stamp} WHERE {where} AND version < {given['version']}"


def _marks(layout: Layout) -> str:
    return ", ".join("%s" for _ in layout.all_columns)


def _type(column: Column) -> str:
    return "bigint" if column.type == "timestamptz" else column.type


def _from(column: Column, place: str) -> str:
    if column.type == "timestamptz":
        return f"TIMESTAMPTZ 'epoch' + {place}::bigint * INTERVAL '1 millisecond'"
    return f"{place}::{column.type}"
