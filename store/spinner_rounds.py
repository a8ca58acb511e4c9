"""The draws of weeks on their way: what is promised, drawn and paid, as rows of Postgres.

A row is begun before its week ends, and then goes one way only: open, drawn, credited, announced.
Each step is one transaction and may be asked for again.

Source: docs/market.md, "The weekly spinner".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..domain.ids import UserId
from ..domain.leaderboard import Week
from ..domain.spinner import Wheel, board_hash, commitment, draw
from .draws import Status, frozen_board, named
from .fence import Fence
from .postgres import Postgres
from .refusals import Cursor


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A week with something left to do; no *status* if no seed was ever promised for it."""

    week: Week
    status: Status | None
    commit: bytes
    sealed: bytes
    frozen: bool  #: whether its board is final
    owed: int = 0  #: prizes that are not known to have been paid


@dataclass(frozen=True, slots=True)
class Owed:
    """A prize that is not known to have been paid."""

    number: int
    user: UserId
    amount_e4: int


#: Every week that has a promise and is not announced, or a final board and no promise.
_UNFINISHED = """
SELECT coalesce(r.iso_week, w.iso_week), r.status, r.commit_hash, r.sealed_seed,
       w.frozen_at IS NOT NULL, (SELECT count(*) FROM spinner_results s
                                  WHERE s.iso_week = r.iso_week AND s.credited_at IS NULL)
  FROM spinner_rounds r FULL JOIN leaderboard_weeks w ON w.iso_week = r.iso_week
 WHERE coalesce(r.status <> 'announced', w.frozen_at IS NOT NULL)
 ORDER BY 1"""
#: Credits that the ledger has; one that it refuses for now has changed the wallet all the same.
_IN_LEDGER = """
SELECT idem_key FROM wallet_ledger WHERE idem_key = ANY(%(keys)s)
UNION
SELECT payload->>'idem' FROM trade_outbox
 WHERE payload->>'k' = 'grant' AND payload->>'idem' = ANY(%(keys)s) AND NOT malformed"""


class SpinnerRounds:
    """Writes of the tables `spinner_rounds` and `spinner_results`.

    Every method may raise an outage of Postgres; those that take a *fence* raise Fenced where
    another has taken the job over. Without one they are for whoever has not got the job.
    """

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def promised(self, weeks: Sequence[Week]) -> set[str]:
        """The names of those of *weeks* that a seed is promised for."""
        names = [week.name for week in weeks]
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT iso_week FROM spinner_rounds WHERE iso_week = ANY(%s)", (names,))
            return {name for (name,) in cursor.fetchall()}

    def promise(
        self,
        week: Week,
        seed: bytes,
        sealed: bytes,
        wheel: Wheel,
        now_ms: int,
        fence: Fence | None = None,
    ) -> bool:
        """Begin the draw of *week* and tell the hash of *seed*; False if that has been done."""
        told = (week.name, commitment(seed), _at(now_ms), sealed)
        with self._pg.transaction() as cursor:
            _show(fence, cursor)
            cursor.execute(
                "INSERT INTO spinner_rounds"
                " (iso_week, commit_hash, committed_at, sealed_seed, winners, segments)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (iso_week) DO NOTHING",
                (*told, wheel.winners, list(wheel.segments)),
            )
            return bool(cursor.rowcount)

    def unfinished(self) -> list[Unfinished]:
        """Every week with something left to do, the oldest first."""
        with self._pg.transaction() as cursor:
            cursor.execute(_UNFINISHED)
            return [_unfinished(row) for row in cursor.fetchall()]

    def reseal(self, week: Week, before: bytes, sealed: bytes) -> None:
        """Keep the seed of *week* as *sealed*, if it is still kept as *before*."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "UPDATE spinner_rounds SET sealed_seed = %s"
                " WHERE iso_week = %s AND sealed_seed = %s",
                (sealed, week.name, before),
            )

    def draw(self, week: Week, seed: bytes, now_ms: int, fence: Fence | None = None) -> bool:
        """Draw *week* with *seed*, and keep what came of it.

        False if that has been done, if its board is not final, or if another seed was promised.
        """
        with self._pg.transaction() as cursor:
            _show(fence, cursor)
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"spinner:{week.name}",))
            cursor.execute(
                "SELECT winners, segments FROM spinner_rounds JOIN leaderboard_weeks"
                " USING (iso_week) WHERE iso_week = %s AND status = 'open' AND commit_hash = %s"
                " AND frozen_at IS NOT NULL",
                (week.name, commitment(seed)),
            )
            found = cursor.fetchone()
            if found is None:
                return False
            _keep(cursor, week, seed, Wheel(found[0], tuple(found[1])), now_ms)
            return True

    def owed(self, week: Week) -> list[Owed]:
        """The prizes of *week* that are not known to have been paid, in their order."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT prize_no, user_id, amount_e4 FROM spinner_results"
                " WHERE iso_week = %s AND credited_at IS NULL ORDER BY prize_no",
                (week.name,),
            )
            return [Owed(number, UserId(user), e4) for number, user, e4 in cursor.fetchall()]

    def in_ledger(self, keys: Collection[str]) -> set[str]:
        """Those of the idempotency *keys* whose credit is in Postgres, if only parked."""
        with self._pg.transaction() as cursor:
            cursor.execute(_IN_LEDGER, {"keys": list(keys)})
            return {key for (key,) in cursor.fetchall()}

    def paid(self, week: Week, numbers: Sequence[int], now_ms: int) -> bool:
        """Note that the prizes of these *numbers* are paid; whether all of *week* are by now.

        It is credited then; a week without any winner is, too.
        """
        with self._pg.transaction() as cursor:
            cursor.execute(
                "UPDATE spinner_results SET credited_at = %s"
                " WHERE iso_week = %s AND prize_no = ANY(%s) AND credited_at IS NULL",
                (_at(now_ms), week.name, list(numbers)),
            )
            cursor.execute(
                "UPDATE spinner_rounds SET status = 'credited'"
                " WHERE iso_week = %s AND status = 'drawn' AND NOT EXISTS (SELECT"
                " FROM spinner_results WHERE iso_week = %s AND credited_at IS NULL)",
                (week.name, week.name),
            )
            cursor.execute(
                "SELECT status <> 'drawn' FROM spinner_rounds WHERE iso_week = %s", (week.name,)
            )
            return bool(cursor.fetchone()[0])

    def announce(self, week: Week) -> bool:
        """Show everybody what came of *week*; False if that has been done, or not all is paid."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "UPDATE spinner_rounds SET status = 'announced'"
                " WHERE iso_week = %s AND status = 'credited'",
                (week.name,),
            )
            return bool(cursor.rowcount)


def _keep(cursor: Cursor, week: Week, seed: bytes, wheel: Wheel, now_ms: int) -> None:
    entrants = frozen_board(cursor, week)
    prizes = draw(seed, week, entrants, wheel)
    rows = [(each.number, each.user, each.segment, each.amount_e4) for each in prizes]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    cursor.execute(
        "INSERT INTO spinner_results (iso_week, prize_no, user_id, segment, amount_e4)"
        " SELECT %s, * FROM unnest(%s::int[], %s::bigint[], %s::int[], %s::bigint[])",
        (week.name, *columns),
    )
    cursor.execute(
        "UPDATE spinner_rounds SET status = 'drawn', drawn_at = %s, seed = %s,"
        " board_hash = decode(%s, 'hex') WHERE iso_week = %s",
        (_at(now_ms), seed, board_hash(entrants), week.name),
    )


def _unfinished(row: Sequence[Any]) -> Unfinished:
    name, status, commit, sealed, frozen, owed = row
    known = None if status is None else Status(status)
    secret = bytes(sealed or b"")
    return Unfinished(named(name), known, bytes(commit or b""), secret, frozen, owed)


def _show(fence: Fence | None, cursor: Cursor) -> None:
    if fence is not None:
        fence.show(cursor)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
