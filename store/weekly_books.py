"""What Postgres knows of leaderboards: who plays, what everybody started with, and how weeks ended.

Source: docs/market.md, "Leaderboards".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ..domain.ids import UserId
from ..domain.leaderboard import (
    MIN_TRADES,
    Board,
    Entrants,
    Opening,
    Player,
    Ranked,
    Standing,
    Week,
    week_named,
)
from ..domain.week_end import Rollover
from .fence import Fence
from .postgres import Postgres
from .refusals import Cursor
from .worth import Gift, Worth

_PLAYER = """u.id, u.display_name, (extract(epoch FROM u.created_at) * 1000)::bigint,
       CASE WHEN u.is_bot THEN 'bots' ELSE 'people' END"""

_MAY_PLAY = "u.id > 0 AND u.status = 'active'"

# Each user is looked at by themselves, and only until they have enough: a week may have a million
# trades, and all of them by a few.
_PLAYERS = f"""
SELECT {_PLAYER}
  FROM users u
 WHERE {_MAY_PLAY}
   AND %(least)s <= (SELECT count(*) FROM (
        (SELECT FROM trades t
          WHERE t.user_id = u.id AND t.executed_at >= %(starts)s AND t.executed_at < %(ends)s
          LIMIT %(least)s)
        UNION ALL
        (SELECT FROM cfd_positions p
          WHERE p.user_id = u.id AND p.closed_at IS NULL
            AND p.opened_at >= %(starts)s AND p.opened_at < %(ends)s
          LIMIT %(least)s)
        UNION ALL
        (SELECT FROM cfd_positions p
          WHERE p.user_id = u.id AND p.closed_at >= %(starts)s
            AND p.opened_at >= %(starts)s AND p.opened_at < %(ends)s
          LIMIT %(least)s)) AS traded)
"""

# A gift may be both in a stream and in the ledger; the union takes it once.
_OPENINGS = """
WITH given AS (
    SELECT id, user_id, amount_e4, wallet_version FROM wallet_ledger WHERE user_id = ANY(%(users)s)
    UNION
    SELECT (payload->>'id')::uuid, (payload->>'uid')::bigint, (payload->>'amount')::bigint,
           (payload->>'wv')::bigint
      FROM trade_outbox WHERE payload->>'k' = 'grant' AND NOT malformed
    UNION
    SELECT * FROM unnest(%(ids)s::uuid[], %(to)s::bigint[], %(amounts)s::bigint[],
                         %(as_of)s::bigint[])
)
SELECT w.user_id, coalesce(s.equity_e4, 0), coalesce(sum(g.amount_e4), 0)::bigint
  FROM unnest(%(users)s::bigint[], %(versions)s::bigint[]) AS w (user_id, version)
  LEFT JOIN equity_snapshots s ON s.iso_week = %(week)s AND s.user_id = w.user_id
  LEFT JOIN given g ON g.user_id = w.user_id AND g.wallet_version <= w.version
                   AND g.wallet_version > coalesce(s.wallet_version, 0)
 GROUP BY w.user_id, s.equity_e4
"""

_FREEZE = """
UPDATE leaderboard_weeks SET frozen_at = %s, approximate = %s
 WHERE iso_week = %s AND frozen_at IS NULL"""

_OPEN = """
INSERT INTO leaderboard_weeks (iso_week, opened_at) VALUES (%s, %s)
ON CONFLICT (iso_week) DO NOTHING"""

_SNAPSHOTS = """
INSERT INTO equity_snapshots (iso_week, user_id, equity_e4, wallet_version)
SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"""

_RANKS = """
INSERT INTO leaderboard_weekly (iso_week, board, rank, user_id, score_e4)
SELECT %s, %s, * FROM unnest(%s::int[], %s::bigint[], %s::bigint[])"""

_FROZEN = """
SELECT (extract(epoch FROM frozen_at) * 1000)::bigint, approximate
  FROM leaderboard_weeks WHERE iso_week = %s AND frozen_at IS NOT NULL"""

_FROZEN_RANKS = """
SELECT l.rank, l.user_id, u.display_name, l.score_e4
  FROM leaderboard_weekly l JOIN users u ON u.id = l.user_id
 WHERE l.iso_week = %s AND l.board = %s ORDER BY l.rank"""


class WeeklyBooks:
    """Reads and writes of weeks, and of all time."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def opened(self, week: Week) -> bool:
        """Whether what everybody starts *week* with has been written."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT FROM leaderboard_weeks WHERE iso_week = %s", (week.name,))
            return cursor.fetchone() is not None

    def latest(self) -> Week | None:
        """The last week that has been opened."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT max(iso_week) FROM leaderboard_weeks")
            (name,) = cursor.fetchone()
            return name and week_named(name)

    def roll_over(
        self,
        fence: Fence,
        rollover: Rollover,
        boards: Mapping[Board, Sequence[Ranked]],
        worths: Sequence[Worth],
        now_ms: int,
        *,
        approximate: bool,
    ) -> bool:
        """Write the final *boards* of the week that ended, and what everybody starts the next with.

        Returns whether that was done; not if it has been before, and then nothing changes.

        Args:
            worths: of everybody, at the instant in between.
            approximate: whether a price of that instant is not known to the tick.

        Raises:
            Fenced: another has taken the job over.
        """
        with self._pg.transaction() as cursor:
            fence.show(cursor)
            cursor.execute(_OPEN, (rollover.opening.name, _at(now_ms)))
            if not cursor.rowcount:
                return False
            rows = [(each.user, each.equity_e4, each.version) for each in worths]
            cursor.execute(_SNAPSHOTS, (rollover.opening.name, *_columns(rows)))
            if rollover.ended is not None:
                cursor.execute(_FREEZE, (_at(now_ms), approximate, rollover.ended.name))
                _write_ranks(cursor, rollover.ended, boards)
            return True

    def frozen(self, board: Board) -> Standing | None:
        """How the week of *board* ended, with the names of today; None until it is frozen."""
        if board.week is None:
            return None
        with self._pg.transaction() as cursor:
            cursor.execute(_FROZEN, (board.week.name,))
            found = cursor.fetchone()
            if found is None:
                return None
            cursor.execute(_FROZEN_RANKS, (board.week.name, board.entrants.value))
            return Standing(tuple(Ranked(*row) for row in cursor.fetchall()), *found)

    def everybody(self) -> list[Player]:
        """Who may be ranked, however much they trade; neither the house nor the suspended."""
        with self._pg.transaction() as cursor:
            cursor.execute(f"SELECT {_PLAYER} FROM users u WHERE {_MAY_PLAY}")
            return [_player(*row) for row in cursor.fetchall()]

    def players(self, week: Week | None) -> list[Player]:
        """Those of `everybody` who have traded enough in *week*, or ever.

        What counts is a trade of shares, and a position opened.
        """
        starts = "-infinity" if week is None else _at(week.starts_ms)
        ends = "infinity" if week is None else _at(week.ends_ms)
        with self._pg.transaction() as cursor:
            cursor.execute(_PLAYERS, {"least": MIN_TRADES, "starts": starts, "ends": ends})
            return [_player(*row) for row in cursor.fetchall()]

    def openings(
        self, week: Week | None, worths: Sequence[Worth], waiting: Sequence[Gift]
    ) -> dict[UserId, Opening]:
        """What the owners of *worths* started *week* with, and were given between then and those.

        By the versions of a wallet, not by instants. Of all time everything that they were given.

        Args:
            waiting: gifts that may not be in Postgres yet.
        """
        given = {
            "week": week and week.name,
            "users": [each.user for each in worths],
            "versions": [each.version for each in worths],
            "ids": [each.id for each in waiting],
            "to": [each.user for each in waiting],
            "amounts": [each.amount_e4 for each in waiting],
            "as_of": [each.version for each in waiting],
        }
        with self._pg.transaction() as cursor:
            cursor.execute(_OPENINGS, given)
            return {UserId(user): Opening(*found) for user, *found in cursor.fetchall()}


def _write_ranks(cursor: Cursor, week: Week, boards: Mapping[Board, Sequence[Ranked]]) -> None:
    for board, ranks in boards.items():
        columns = _columns([(each.rank, each.user, each.score_e4) for each in ranks])
        cursor.execute(_RANKS, (week.name, board.entrants.value, *columns))


def _player(user: int, display_name: str, created_ms: int, entrants: str) -> Player:
    return Player(UserId(user), display_name, created_ms, Entrants(entrants))


def _columns(rows: Sequence[tuple[int, int, int]]) -> list[list[int]]:
    return [[row[place] for row in rows] for place in range(3)]


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
