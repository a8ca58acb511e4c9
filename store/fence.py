"""A fence in Postgres: a holder that lost its job without noticing changes nothing.

The lease in Redis says who should do it; a paused process may still believe
in one that has long expired. Each holder therefore takes a number from a
Postgres sequence, and the first statement of each of its transactions shows
it: once a higher number has been seen, lower ones are refused.
"""

from .postgres import Postgres
from .refusals import Cursor


class Fenced(Exception):
    """Somebody took the job over; the transaction must not commit."""


class Fence:
    """The fence called *name*, from one holder's side."""

    def __init__(self, pg: Postgres, name: str) -> None:
        self._pg = pg
        self._name = name
        self._token = 0

    def take(self) -> None:
        """Take a new number, higher than any before; call after every acquisition of the lease."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT nextval('fence_token')")
            self._token = int(cursor.fetchone()[0])

    def show(self, cursor: Cursor) -> None:
        """Show our number inside the caller's transaction, which then holds the fence's row.

        Raises:
            Fenced: a higher number has been shown before.
        """
        cursor.execute(
            "INSERT INTO fence (name, token) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE"
            " SET token = excluded.token WHERE fence.token <= excluded.token",
            (self._name, self._token),
        )
        if cursor.rowcount == 0:
            raise Fenced(f"{self._name}: token {self._token} is no longer the highest")
