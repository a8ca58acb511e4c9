"""What a proof by SQL is."""

from collections.abc import Mapping
from dataclasses import dataclass

from .refusals import Cursor

SHOWN = 100  #: offenders listed per proof

Offender = Mapping[str, object]
"""What contradicts a claim, by the names of what is told of it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim, and the query for whatever contradicts it."""

    name: str
    claim: str
    query: str


def follows(version: str, previous: str) -> str:
    """SQL: *version* comes right after *previous*, or is the first of a later epoch.

    A version is epoch * 2^32 + n; rebuilding Redis starts the next epoch at n = 0.
    """
    before = f"coalesce({previous}, 0)"
    return (
        f"({version} = {before} + 1"
        f" OR ({version} & 4294967295 = 1 AND {version} >> 32 > {before} >> 32))"
    )


def offenders(cursor: Cursor, query: str, **values: object) -> tuple[Offender, ...]:
    """What *query* finds, at most `SHOWN` of it."""
    # Nearly always there is nothing to find, and a plan made for the first few rows, as a LIMIT
    # asks for, then is the slowest of all: it was seen to join 10,000 trades for a minute.
    cursor.execute(
        f"WITH found AS MATERIALIZED ({query}) SELECT * FROM found LIMIT {SHOWN}", values
    )
    names = [column.name for column in cursor.description]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
