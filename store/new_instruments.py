"""Instruments that operators list, beside those that come with the teams of the feed.

The row comes first, and Redis takes it in; the scheduler does so too, at its next listing.
Source: docs/market.md, "Operators".
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from ..domain.ids import InstrumentIdx
from ..domain.instrument import new_instrument
from ..domain.limits import LIMITS, Limits, listed
from .clubs import lock_listing, next_idx
from .hot import Hot
from .postgres import Postgres
from .refusals import Cursor


@dataclass(frozen=True, slots=True)
class NewInstrument:
    """What is to be listed, by the act *mark*; *team_id* as the feed numbers teams."""

    symbol: str
    name: str
    team_id: int | None
    base_px: int
    limits: Limits
    mark: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The symbol or the team_id belongs to another instrument."""

    field: str


class NewInstruments:
    """The table of instruments, and Redis."""

    def __init__(self, pg: Postgres, hot: Hot) -> None:
        self._pg = pg
        self._hot = hot

    def create(self, new: NewInstrument) -> InstrumentIdx | Taken:
        """List *new*; done again for the same act it is the same instrument."""
        with self._pg.transaction() as cursor:
            lock_listing(cursor)
            idx = _made_by(cursor, new.mark)
            if idx is None:
                if taken := _taken(cursor, new):
                    return taken
                idx = next_idx(cursor)
                _insert(cursor, idx, new)
        made = new_instrument(idx, new.symbol, new.name, new.base_px)
        self._hot.create_instrument(listed(made, new.limits))
        return idx


def _made_by(cursor: Cursor, mark: str) -> InstrumentIdx | None:
    cursor.execute("SELECT idx FROM instruments WHERE listed_by = %s", (mark,))
    row: Any = cursor.fetchone()
    return InstrumentIdx(row[0]) if row else None


def _taken(cursor: Cursor, new: NewInstrument) -> Taken | None:
    for field, value in (("symbol", new.symbol), ("team_id", new.team_id)):
        cursor.execute(f"SELECT FROM instruments WHERE {field} = %s", (value,))
        if cursor.fetchone() is not None:
            return Taken(field)
    return None


def _insert(cursor: Cursor, idx: InstrumentIdx, new: NewInstrument) -> None:
    if new.team_id is not None:
        # Its name is the feed's to say, as soon as that shows it.
        cursor.execute(
            "INSERT INTO teams (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (new.team_id, new.name),
        )
    values = (idx, new.symbol, new.name, new.team_id, new.base_px, new.base_px, new.mark)
    cursor.execute(
        "INSERT INTO instruments (idx, symbol, name, team_id, base_px, index_px, listed_by,"
        f" {', '.join(LIMITS)}) VALUES ({', '.join('%s' for _ in (*values, *LIMITS))})",
        (*values, *astuple(new.limits)),
    )
