"""The draws of weeks as everybody may see them, out of Postgres.

Source: docs/protocol.md, "The weekly spinner".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ..domain.ids import UserId
from ..domain.leaderboard import Week, week_named
from ..domain.spinner import PLACES, Entrant, Wheel
from .postgres import Postgres
from .refusals import Cursor


class Status(Enum):
    """How far the draw of a week has come."""

    OPEN = "open"  #: its seed is promised
    DRAWN = "drawn"
    CREDITED = "credited"  #: every winner has their money, and the ledger knows
    ANNOUNCED = "announced"  #: everybody is shown the seed and who won


@dataclass(frozen=True, slots=True)
class Won:
    """A prize with the name that its winner has now."""

    number: int
    user: UserId
    display_name: str
    segment: int
    amount_e4: int


@dataclass(frozen=True, slots=True)
class Round:
    """The draw of a week; times are of the calendar, Unix ms. No seed before it is announced."""

    week: Week
    status: Status
    commit: bytes
    committed_ms: int
    wheel: Wheel
    drawn_ms: int | None
    board_hash: str | None
    seed: bytes | None

    @property
    def announced(self) -> bool:
        """Whether everybody may know what came of it."""
        return self.status is Status.ANNOUNCED


_MS = "(extract(epoch FROM {}) * 1000)::bigint"
_ROUND = f"""SELECT iso_week, status, commit_hash, {_MS.format("committed_at")}, winners, segments,
       {_MS.format("drawn_at")}, encode(board_hash, 'hex'),
       CASE WHEN status = 'announced' THEN seed END
  FROM spinner_rounds"""
_BOARD = """SELECT rank, user_id, score_e4 FROM leaderboard_weekly
 WHERE iso_week = %s AND board = 'people' AND rank <= %s ORDER BY rank"""


class Draws:
    """Reads of the tables `spinner_rounds` and `spinner_results`."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def read(self, week: Week) -> Round | None:
        """The draw of *week*; None if none was promised."""
        with self._pg.transaction() as cursor:
            return _round(cursor, "WHERE iso_week = %s", (week.name,))

    def last(self) -> Round | None:
        """The newest draw that is announced."""
        with self._pg.transaction() as cursor:
            return _round(cursor, "WHERE status = 'announced' ORDER BY iso_week DESC LIMIT 1")

    def winners(self, week: Week) -> list[Won]:
        """Who has won in *week*, in the order of the prizes, announced or not."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT prize_no, user_id, display_name, segment, amount_e4"
                "  FROM spinner_results JOIN users ON users.id = user_id"
                " WHERE iso_week = %s ORDER BY prize_no",
                (week.name,),
            )
            return [
                Won(number, UserId(user), name, segment, amount_e4)
                for number, user, name, segment, amount_e4 in cursor.fetchall()
            ]

    def board(self, week: Week) -> list[Entrant]:
        """The places of *week* that have tickets; none before its board is final."""
        with self._pg.transaction() as cursor:
            return frozen_board(cursor, week)


def frozen_board(cursor: Cursor, week: Week) -> list[Entrant]:
    """The places of *week* that have tickets, inside the caller's transaction."""
    cursor.execute(_BOARD, (week.name, PLACES))
    return [Entrant(rank, UserId(user), score) for rank, user, score in cursor.fetchall()]


def named(name: str) -> Week:
    """The week that a row calls *name*."""
    week = week_named(name)
    if week is None:
        raise ValueError(f"the tables of draws name a week {name!r}")
    return week


def _round(cursor: Cursor, where: str, values: Sequence[object] = ()) -> Round | None:
    cursor.execute(f"{_ROUND} {where}", values)
    row = cursor.fetchone()
    if row is None:
        return None
    name, status, commit, committed_ms, winners, segments, drawn_ms, hashed, seed = row
    return Round(
        week=named(name),
        status=Status(status),
        commit=bytes(commit),
        committed_ms=committed_ms,
        wheel=Wheel(winners, tuple(segments)),
        drawn_ms=drawn_ms,
        board_hash=hashed,
        seed=None if seed is None else bytes(seed),
    )
