"""What operators want of single instruments: a mode of their own, and other limits.

Source: docs/market.md, "Operators".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any

import redis

from ..domain.ids import InstrumentIdx
from ..domain.limits import LIMITS, Fault, Limits, fault
from ..domain.refusals import Refusal, Refused
from ..domain.ruling import Mode
from .keys import Keys
from .postgres import Postgres
from .refusals import Cursor
from .rule_scripts import OtherLimits, OwnMode, RuleScripts
from .rules import carried_out, ruling
from .telling import Tell, nobody


@dataclass(frozen=True, slots=True)
class Rule:
    """What is wanted of one instrument; *limits* are those it was listed with if version 0."""

    symbol: str
    name: str
    team_id: int | None
    mode: Mode
    note: str
    limits: Limits
    limits_version: int


@dataclass(frozen=True, slots=True)
class LimitsMoved:
    """The version of the limits that was known is not the present one, *version*."""

    version: int


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What was wanted of an instrument, and what is now."""

    before: Rule
    after: Rule


_COLUMNS = ", ".join(f"coalesce(l.{name}, i.{name})" for name in LIMITS)
_RULE = f"""
SELECT i.symbol, i.name, i.team_id, coalesce(h.mode, 'enabled'), coalesce(h.note, ''),
       coalesce(l.version, 0), {_COLUMNS}
  FROM instruments i LEFT JOIN instrument_halts h USING (idx)
  LEFT JOIN instrument_limits l USING (idx)
 WHERE i.idx = %s
"""

_SET_LIMITS = f"""
INSERT INTO instrument_limits (idx, version, {", ".join(LIMITS)})
VALUES (%s, %s, {", ".join("%s" for _ in LIMITS)})
ON CONFLICT (idx) DO UPDATE SET version = excluded.version,
       {", ".join(f"{name} = excluded.{name}" for name in LIMITS)}
"""


class InstrumentRules:
    """The rows in Postgres, and their effect in Redis."""

    def __init__(self, pg: Postgres, client: redis.Redis, keys: Keys) -> None:
        self._pg = pg
        self._scripts = RuleScripts(client, keys)

    def present(self, idx: InstrumentIdx) -> Rule | None:
        """What is wanted of *idx*; None if there is no such instrument."""
        with self._pg.transaction() as cursor:
            return _read(cursor, idx)

    def set_mode(
        self,
        idx: InstrumentIdx,
        mode: Mode,
        note: str,
        now_ms: int,
        tell: Tell[RuleChange] = nobody,
    ) -> RuleChange | None:
        """Give *idx* a mode of its own; None if there is no such instrument.

        *tell* of it in the same transaction.
        """
        with ruling(self._pg) as (cursor, number):
            before = _read(cursor, idx)
            if before is None:
                return None
            (refused,) = self._scripts.halt_set([OwnMode(idx, mode, note)], number, now_ms)
            if carried_out(refused):
                return None
            cursor.execute(
                "INSERT INTO instrument_halts (idx, mode, note, version) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (idx) DO UPDATE SET mode = excluded.mode, note = excluded.note,"
                " version = excluded.version",
                (idx, mode.value, note, number),
            )
            change = RuleChange(before, replace(before, mode=mode, note=note))
            tell(cursor, change)
            return change

    def set_limits(
        self,
        idx: InstrumentIdx,
        changes: Mapping[str, int],
        known: int,
        now_ms: int,
        tell: Tell[RuleChange] = nobody,
    ) -> RuleChange | LimitsMoved | Fault | None:
        """Change some limits of *idx*, if the version *known* of all of them is the present one.

        Args:
            changes: by the names of `Limits`; the others stay as they are.
            tell: is told of it in the same transaction.

        Returns:
            A `Fault` names the limit that cannot be, by itself or beside what is open there; None
            if there is no such instrument.
        """
        with ruling(self._pg) as (cursor, number):
            before = _read(cursor, idx)
            if before is None:
                return None
            if before.limits_version != known:
                return LimitsMoved(before.limits_version)
            limits = replace(before.limits, **changes)
            if wrong := fault(limits):
                return wrong
            (refused,) = self._scripts.limits_set([OtherLimits(idx, limits)], number, now_ms)
            if carried_out(refused):
                return _unfit(refused)
            cursor.execute(_SET_LIMITS, (idx, number, *astuple(limits)))
            change = RuleChange(before, replace(before, limits=limits, limits_version=number))
            tell(cursor, change)
            return change


def _unfit(refused: Refused | None) -> Fault | None:
    """Which limit does not fit what is open; None if Redis does not know the instrument."""
    if refused is None or refused.code is not Refusal.LIMIT_UNFIT:
        return None
    told = refused.details
    return Fault(str(told["field"]), int(told["least"]), int(told["most"]))


def _read(cursor: Cursor, idx: InstrumentIdx) -> Rule | None:
    cursor.execute(_RULE, (idx,))
    row: Any = cursor.fetchone()
    if row is None:
        return None
    symbol, name, team_id, mode, note, version, *limits = row
    return Rule(
        symbol,
        name,
        team_id,
        Mode(mode),
        note,
        Limits(**dict(zip(LIMITS, limits, strict=True))),
        version,
    )
