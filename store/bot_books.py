"""What Postgres knows of bots: who they are, which matches are on, what they began the day with.

Source: docs/market.md, "Bots".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from ..domain.bot_views import Match
from ..domain.bots import ROSTER, Bot
from ..domain.ids import UserId
from ..domain.names import name_key
from .bot_switch import permission
from .life import show_life
from .postgres import Postgres
from .refusals import Cursor
from .worth import Worth

_PLAYING = """
SELECT f.id, coalesce(f.home_idx, h.idx), coalesce(f.away_idx, a.idx), f.minute
  FROM fixtures f
  JOIN instruments h ON h.team_id = f.home_team_id
  JOIN instruments a ON a.team_id = f.away_team_id
 WHERE f.phase IN ('live', 'break') AND f.settled_at IS NULL AND f.voided_at IS NULL
 ORDER BY f.starting_at, f.id
"""

_OPEN = """
INSERT INTO bot_days (day, user_id, equity_e4, wallet_version)
SELECT %(day)s, * FROM unnest(%(users)s::bigint[], %(equities)s::bigint[], %(versions)s::bigint[])
ON CONFLICT (day, user_id) DO NOTHING
"""

# What was given is counted by versions of the wallet, as for people's weeks (decision 32). A gift
# that is on its way to Postgres counts as a gain, or a loss, for less than a second.
_GAINS = """
SELECT w.user_id, w.equity_e4 - d.equity_e4 - coalesce(sum(g.amount_e4) FILTER
         (WHERE g.wallet_version > d.wallet_version), 0)::bigint,
       w.equity_e4 - coalesce(sum(g.amount_e4), 0)::bigint
  FROM unnest(%(users)s::bigint[], %(equities)s::bigint[], %(versions)s::bigint[])
         AS w (user_id, equity_e4, version)
  LEFT JOIN bot_days d ON d.day = %(day)s AND d.user_id = w.user_id
  LEFT JOIN wallet_ledger g ON g.user_id = w.user_id AND g.wallet_version <= w.version
 GROUP BY w.user_id, w.equity_e4, d.equity_e4, d.wallet_version
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a step of the bots stands on.

    Attributes:
        enabled: whether they may trade at all.
        active: those who are not suspended.
        matches: those that are on, by kick-off.
    """

    enabled: bool
    active: frozenset[UserId]
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Gains:
    """What trading has made of a bot's money (1e-4 coin): *today*, if it has traded, and *ever*."""

    today_e4: int | None
    ever_e4: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A bot as a user."""

    user: UserId
    display_name: str
    status: Literal["active", "suspended", "deleted"]


class BotBooks:
    """Reads and writes of what concerns bots alone."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def enrol(self, roster: Sequence[Bot] = ROSTER) -> dict[Bot, UserId]:
        """The users who are the bots of *roster*, made where they are not there yet.

        Raises:
            RuntimeError: somebody has a bot's name, or its address; neither can be had by signing
                in.
        """
        with self._pg.transaction() as cursor:
            known = _known(cursor, roster)
            for bot in roster:
                if bot not in known:
                    cursor.execute(
                        "INSERT INTO users (email, display_name, name_key, is_bot)"
                        " VALUES (%s, %s, %s, true) ON CONFLICT DO NOTHING",
                        (bot.email, bot.display_name, name_key(bot.display_name)),
                    )
            known = _known(cursor, roster)
        if len(known) < len(roster):
            missing = [bot.name for bot in roster if bot not in known]
            raise RuntimeError(f"somebody else has the name or the address of {missing}")
        return known

    def enrolled(self) -> list[Enrolled]:
        """All bots there ever were, the oldest first."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT id, display_name, status FROM users WHERE is_bot ORDER BY id")
            return [Enrolled(UserId(user), *rest) for user, *rest in cursor.fetchall()]

    def ground(self) -> Ground:
        """What the next step stands on, all as of now."""
        with self._pg.transaction() as cursor:
            enabled = permission(cursor).enabled
            cursor.execute("SELECT id FROM users WHERE is_bot AND status = 'active'")
            active = frozenset(UserId(user) for (user,) in cursor.fetchall())
            cursor.execute(_PLAYING)
            return Ground(enabled, active, tuple(Match(*row) for row in cursor.fetchall()))

    def open_day(self, life: int, worths: Sequence[Worth], now_ms: int) -> None:
        """Write what the owners of *worths* begin the day of *now_ms* with, unless that is known.

        Args:
            life: of Redis, in which *worths* were read.

        Raises:
            Superseded: that life is over.
        """
        with self._pg.transaction() as cursor:
            show_life(cursor, life)
            cursor.execute(_OPEN, _values(worths, now_ms))

    def gains(self, worths: Sequence[Worth], now_ms: int) -> dict[UserId, Gains]:
        """What the owners of *worths* have gained, gifts left out; *now_ms* says which day."""
        with self._pg.transaction() as cursor:
            cursor.execute(_GAINS, _values(worths, now_ms))
            return {UserId(user): Gains(*gains) for user, *gains in cursor.fetchall()}


def _known(cursor: Cursor, roster: Sequence[Bot]) -> dict[Bot, UserId]:
    cursor.execute(
        "SELECT email, id FROM users WHERE is_bot AND email = ANY(%s)",
        ([bot.email for bot in roster],),
    )
    users = dict(cursor.fetchall())
    return {bot: UserId(users[bot.email]) for bot in roster if bot.email in users}


def _values(worths: Sequence[Worth], now_ms: int) -> dict[str, Any]:
    return {
        "day": _day(now_ms),
        "users": [each.user for each in worths],
        "equities": [each.equity_e4 for each in worths],
        "versions": [each.version for each in worths],
    }


def _day(now_ms: int) -> date:
    return datetime.fromtimestamp(now_ms // 1000, UTC).date()
