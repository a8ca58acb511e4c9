"""Whether bots may trade: set by operators, read by the bot engine in each of its steps.

It is in Postgres alone. A copy in Redis could be lost, or be behind; and bots that cannot ask
Postgres do not trade, which is what a kill switch is to come to in doubt.

Source: docs/decisions/0043.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .postgres import Postgres
from .refusals import Cursor
from .rules import ruling
from .telling import Tell, nobody

_READ = "SELECT enabled, note, since_ms, version FROM bot_switch"


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether bots may trade, why, since when (calendar ms; None: always), and its version."""

    enabled: bool = True
    note: str = ""
    since_ms: int | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Stale:
    """The version that was known is not the present one, which is that of *present*."""

    present: Permission


@dataclass(frozen=True, slots=True)
class Switched:
    """What bots might do before, and may do now."""

    before: Permission
    after: Permission


class BotSwitch:
    """The row in Postgres."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def present(self) -> Permission:
        """What is in force."""
        with self._pg.transaction() as cursor:
            return permission(cursor)

    def set(
        self, enabled: bool, note: str, known: int, now_ms: int, tell: Tell[Switched] = nobody
    ) -> Switched | Stale:
        """Let bots trade or have them stop, if the version *known* is the present one.

        *tell* of it in the same transaction.
        """
        with ruling(self._pg) as (cursor, number):
            before = permission(cursor)
            if before.version != known:
                return Stale(before)
            cursor.execute(
                "INSERT INTO bot_switch (enabled, note, since_ms, version) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (one) DO UPDATE SET enabled = excluded.enabled,"
                " note = excluded.note, since_ms = excluded.since_ms, version = excluded.version",
                (enabled, note, now_ms, number),
            )
            switched = Switched(before, Permission(enabled, note, now_ms, number))
            tell(cursor, switched)
            return switched


def permission(cursor: Cursor) -> Permission:
    """What is in force, in a transaction that goes on."""
    cursor.execute(_READ)
    row: Any = cursor.fetchone()
    return Permission(*row) if row else Permission()
