"""Writing a batch of which Postgres may refuse some rows.

One row that breaks a constraint must hold up neither the rows beside it nor
the process: the batch is halved until the culprit stands alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg2
import psycopg2.errors

#: A psycopg2 cursor inside a transaction; the library ships no types.
Cursor = Any

#: What Postgres says about a row, not about the connection or our SQL.
REFUSALS: tuple[type[psycopg2.Error], ...] = (
    psycopg2.IntegrityError,
    psycopg2.DataError,
    # A text too long for an index, JSON nested too deep. For psycopg2 they are operational errors,
    # as an outage is, but they do not pass.
    psycopg2.errors.ProgramLimitExceeded,
    psycopg2.errors.StatementTooComplex,
)

Row = TypeVar("Row")


def write_or_bisect(
    cursor: Cursor,
    rows: Sequence[Row],
    write: Callable[[Cursor, Sequence[Row]], None],
    refuse: Callable[[Cursor, Row, psycopg2.Error], None],
) -> None:
    """Write *rows* inside the caller's transaction; hand every refused one to *refuse*.

    A batch without refusals costs one statement more than *write* itself; one
    refusal among n rows costs about 2 log2 n statements.
    """
    if not rows or _refusal(cursor, rows, write) is None:
        return
    if len(rows) == 1:
        # Once more: two writers of one row can meet on another index than the
        # one ON CONFLICT names, and the later of them is refused. By now the
        # other has committed, so a second try finds the row there.
        error = _refusal(cursor, rows, write)
        if error is not None:
            refuse(cursor, rows[0], error)
        return
    half = len(rows) // 2
    write_or_bisect(cursor, rows[:half], write, refuse)
    write_or_bisect(cursor, rows[half:], write, refuse)


def _refusal(
    cursor: Cursor, rows: Sequence[Row], write: Callable[[Cursor, Sequence[Row]], None]
) -> psycopg2.Error | None:
    """Why *rows* cannot be written; None if they are."""
    cursor.execute("SAVEPOINT batch")
    try:
        write(cursor, rows)
    except REFUSALS as error:
        cursor.execute("ROLLBACK TO SAVEPOINT batch; RELEASE SAVEPOINT batch")
        return error
    cursor.execute("RELEASE SAVEPOINT batch")
    return None
