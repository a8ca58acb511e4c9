"""The mode of the whole market: set by operators, read by everybody.

Source: docs/market.md, "Operators".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import redis

from ..domain.ruling import Mode
from .keys import Keys
from .postgres import Postgres
from .refusals import Cursor
from .rule_scripts import RuleScripts
from .rules import carried_out, ruling
from .telling import Tell, nobody


@dataclass(frozen=True, slots=True)
class MarketMode:
    """A mode, why, since when (calendar ms; None: from the beginning), and its version."""

    mode: Mode = Mode.ENABLED
    note: str = ""
    since_ms: int | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """The version that was known is not the present one, which is that of *present*."""

    present: MarketMode


@dataclass(frozen=True, slots=True)
class ModeChange:
    """What the mode was, and what it is now."""

    before: MarketMode
    after: MarketMode


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nothing can be made of what Redis has of the instrument *idx*, so none was ruled."""

    idx: int


class MarketModes:
    """The row in Postgres, and its effect in Redis."""

    def __init__(self, pg: Postgres, client: redis.Redis, keys: Keys) -> None:
        self._pg = pg
        self._scripts = RuleScripts(client, keys)

    def present(self) -> MarketMode:
        """The mode in force, as it was set."""
        with self._pg.transaction() as cursor:
            return _read(cursor)

    def set(
        self,
        mode: Mode,
        note: str,
        known: int,
        now_ms: int,
        tell: Tell[ModeChange] = nobody,
    ) -> ModeChange | Moved | Unreadable:
        """Give the market *mode*, if the version *known* is the present one.

        *tell* of it in the same transaction.
        """
        with ruling(self._pg) as (cursor, number):
            before = _read(cursor)
            if before.version != known:
                return Moved(before)
            refused = carried_out(self._scripts.mode_set(mode, note, number, now_ms))
            if refused is not None:
                return Unreadable(int(refused.details["idx"]))
            after = MarketMode(mode, note, now_ms, number)
            cursor.execute(
                "INSERT INTO market_mode (mode, note, since_ms, version) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (one) DO UPDATE SET mode = excluded.mode, note = excluded.note,"
                " since_ms = excluded.since_ms, version = excluded.version",
                (mode.value, note, now_ms, number),
            )
            change = ModeChange(before, after)
            tell(cursor, change)
            return change


def mode_in_redis(client: redis.Redis, keys: Keys) -> MarketMode:
    """The mode by which trades are made, whether Postgres is there or not."""
    found: Any = client.hmget(keys.mode, "mode", "note", "at", "rule")
    mode, note, at_ms, number = found
    if mode is None:
        return MarketMode()
    known = MarketMode(Mode(mode), note or "", int(at_ms), int(number))
    # What was put back after a loss was put back at no time.
    return known if known.since_ms else replace(known, since_ms=None)


def _read(cursor: Cursor) -> MarketMode:
    cursor.execute("SELECT mode, note, since_ms, version FROM market_mode")
    row: Any = cursor.fetchone()
    return MarketMode(Mode(row[0]), *row[1:]) if row else MarketMode()
