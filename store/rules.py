"""What operators want of the market, kept in Postgres and carried out in Redis.

An act holds the lock of all rules, has Redis carry it out, writes its row, and commits. So no two
acts overtake each other, what Redis refuses leaves no row, and a Redis that loses an act has it put
back from the row. If the process dies before it commits, Redis has what no row says until the next
act or restart of Redis; whoever asked was not answered, and asks again.

Source: docs/market.md, "Operators".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import structlog

from ..domain.ids import InstrumentIdx
from ..domain.limits import LIMITS, Limits
from ..domain.refusals import Refusal, Refused
from ..domain.ruling import Mode
from .keys import Keys
from .life import Superseded
from .postgres import Postgres
from .refusals import Cursor
from .rule_scripts import OtherLimits, OwnMode, RuleScripts

_LOCK_ID = 7_300_003  #: beside those of schema.sql and store/life.py

log = structlog.get_logger(__name__)


@contextmanager
def ruling(pg: Postgres) -> Iterator[tuple[Cursor, int]]:
    """A transaction that alone changes rules, and the number of what it does in Redis."""
    with pg.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_ID,))
        cursor.execute("SELECT nextval('rule_number')")
        yield cursor, int(cursor.fetchone()[0])


def carried_out(refused: Refused | None) -> Refused | None:
    """*refused* if it says something of what was wanted.

    Raises:
        Superseded: another process has been at it since, so this one has been frozen.
    """
    if refused is not None and refused.code is Refusal.OVERTAKEN:
        raise Superseded("another act of an operator has come in between")
    return refused


def restore_rules(client: redis.Redis, keys: Keys, pg: Postgres) -> int:
    """Have Redis, which may have lost some, carry out all rules again; how many there are.

    To be called when all instruments are back, and the ticks that stand in for lost ones: none may
    follow the last known before those. What is open may have grown beyond limits that
    Redis had forgotten: then those stay that it has, and an operator has to look.
    """
    scripts = RuleScripts(client, keys)
    with ruling(pg) as (cursor, number):
        own, limits, market = _halts(cursor), _limits(cursor), _market(cursor)
        # At 0 ms: a tick then has the time of the one before it, as if the calendar stood still.
        for refused in scripts.halt_set(own, number, 0):
            carried_out(refused)
        if refused := carried_out(scripts.mode_set(*market, number, 0)):
            # Nobody may trade by another mode than the one that was set.
            raise RuntimeError(f"the mode of the market cannot be put back: {refused}")
        for each, unfit in zip(limits, scripts.limits_set(limits, number, 0), strict=True):
            if carried_out(unfit):
                log.warning("limits could not be put back", idx=each.idx, why=str(unfit))
    return len(own) + len(limits)


def _halts(cursor: Cursor) -> list[OwnMode]:
    cursor.execute("SELECT idx, mode, note FROM instrument_halts ORDER BY idx")
    return [OwnMode(InstrumentIdx(idx), Mode(mode), note) for idx, mode, note in cursor.fetchall()]


def _market(cursor: Cursor) -> tuple[Mode, str]:
    cursor.execute("SELECT mode, note FROM market_mode")
    row: Any = cursor.fetchone()
    return (Mode(row[0]), row[1]) if row else (Mode.ENABLED, "")


def _limits(cursor: Cursor) -> list[OtherLimits]:
    cursor.execute(f"SELECT idx, {', '.join(LIMITS)} FROM instrument_limits ORDER BY idx")
    return [
        OtherLimits(InstrumentIdx(idx), Limits(**dict(zip(LIMITS, numbers, strict=True))))
        for idx, *numbers in cursor.fetchall()
    ]
