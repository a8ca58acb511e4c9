"""Many rows into a table with one statement: columns as Postgres array literals.

A literal travels as one text parameter a column, whatever the number of rows,
and `unnest` turns the columns back into rows. psycopg2's own list adaptation
costs several times as much on long lists.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True, slots=True)
class Column:
    """Where one field of an entry or a hash goes, and as what."""

    field: str
    name: str
    #: Instants ("timestamptz") come as calendar milliseconds.
    type: str = "bigint"
    #: An empty or missing field is NULL instead of nonsense.
    optional: bool = False

    @property
    def spelled(self) -> str:
        """SQL: the column as the text it came from; NULL where that was empty."""
        if self.type == "timestamptz":
            return f"((extract(epoch FROM {self.name}) * 1000)::bigint)::text"
        if self.type == "bool":
            return f"{self.name}::int::text"
        return f"{self.name}::text"


def insert_from_arrays(table: str, columns: Sequence[Column]) -> str:
    """The INSERT of all rows given as one array per column; ON CONFLICT is up to the caller."""
    names = ", ".join(column.name for column in columns)
    values = ", ".join(map(_value, columns))
    arrays = ", ".join(f"%s::{_array_type(column)}[]" for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM unnest({arrays}) AS row ({names})"


def array_columns(rows: Sequence[Sequence[str | None]]) -> list[str]:
    """One array literal for each column of *rows*, all of the same width."""
    columns = list(zip(*rows, strict=True))
    if _plain([value for row in rows for value in row if value is not None]):
        # Nearly all batches. They are looked at as one text: at each column it took 10 µs a trade.
        return ["{" + ",".join([value or "NULL" for value in column]) + "}" for column in columns]
    return list(map(array_literal, columns))


def array_literal(values: Iterable[str | None]) -> str:
    """Postgres text form of a one-dimensional array; None becomes NULL."""
    listed = list(values)
    texts = [value for value in listed if value is not None]
    plain = len(texts) == len(listed) and _plain(texts)
    return "{" + ",".join(texts if plain else map(_element, listed)) + "}"


def _plain(texts: Sequence[str]) -> bool:
    """Whether none of *texts* needs quoting; sometimes it says that one does when none does."""
    together = "".join(texts)
    # NULL in any case would be read as a missing value unless quoted.
    return all(texts) and bool(_PLAIN.fullmatch(together)) and "NULL" not in together.upper()


def _element(value: str | None) -> str:
    if value is None:
        return "NULL"
    if _plain((value,)):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _array_type(column: Column) -> str:
    return "bigint" if column.type == "timestamptz" else column.type


def _value(column: Column) -> str:
    if column.type == "timestamptz":
        return f"TIMESTAMPTZ 'epoch' + {column.name} * INTERVAL '1 millisecond'"
    return column.name
