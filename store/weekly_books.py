"""What Postgres knows of a week's leaderboard: who plays, and what everybody started with.

Source: docs/market.md, "The week's leaderboard".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ..domain.ids import UserId
from ..domain.leaderboard import MIN_TRADES, Opening, Player, Week
from .fence import Fence
from .life import show_life
from .postgres import Postgres
from .worth import Gift, Worth

# Each user is looked at by themselves, and only until they have enough: a week may have a million
# trades, and all of them by a few.
_PLAYERS = """
SELECT u.id, u.display_name, (extract(epoch FROM u.created_at) * 1000)::bigint
  FROM users u
 WHERE u.id > 0 AND u.status = 'active' AND NOT u.is_bot
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


class WeeklyBooks:
    """Reads and writes of weeks."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def opened(self, week: Week) -> bool:
        """Whether what everybody starts *week* with has been written."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT FROM leaderboard_weeks WHERE iso_week = %s", (week.name,))
            return cursor.fetchone() is not None

    def owners(self) -> list[UserId]:
        """Everybody who has a wallet."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT user_id FROM wallets WHERE user_id > 0 AND mode = 'paper'")
            return [UserId(user) for (user,) in cursor.fetchall()]

    def open(
        self, fence: Fence, life: int, week: Week, worths: Iterable[Worth], now_ms: int
    ) -> None:
        """Write what everybody starts *week* with, unless that has been done.

        Args:
            life: of Redis, in which *worths* were read.

        Raises:
            Fenced: another has taken the job over.
            Superseded: that life is over.
        """
        rows = [(each.user, each.equity_e4, each.version) for each in worths]
        users, equities, versions = zip(*rows, strict=True) if rows else ((), (), ())
        with self._pg.transaction() as cursor:
            fence.show(cursor)
            show_life(cursor, life)
            cursor.execute(
                "INSERT INTO leaderboard_weeks (iso_week, opened_at) VALUES (%s, %s)"
                " ON CONFLICT (iso_week) DO NOTHING",
                (week.name, _at(now_ms)),
            )
            if not cursor.rowcount:
                return
            cursor.execute(
                "INSERT INTO equity_snapshots (iso_week, user_id, equity_e4, wallet_version)"
                " SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])",
                (week.name, list(users), list(equities), list(versions)),
            )

    def players(self, week: Week) -> list[Player]:
        """Everybody who has traded enough in *week*; the house, bots and the suspended do not play.

        What counts is a trade of shares, and a position opened.
        """
        with self._pg.transaction() as cursor:
            starts, ends = _at(week.starts_ms), _at(week.ends_ms)
            cursor.execute(_PLAYERS, {"least": MIN_TRADES, "starts": starts, "ends": ends})
            return [Player(UserId(user), name, made) for user, name, made in cursor.fetchall()]

    def openings(
        self, week: Week, worths: Sequence[Worth], waiting: Sequence[Gift]
    ) -> dict[UserId, Opening]:
        """What the owners of *worths* started *week* with, and were given between then and those.

        Exact whenever the week was opened: by the versions of a wallet, not by instants.

        Args:
            waiting: gifts that may not be in Postgres yet.
        """
        given = {
            "week": week.name,
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


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
