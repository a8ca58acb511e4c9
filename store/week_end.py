"""How everything was at the instant at which a week ended, from what never changes any more.

All facts have an order, the treasury's version, and Postgres has a beginning of it
(docs/decisions/0022). So one fact cuts the past in two for ever: the first whose instant is not
before the week's end. Whoever reads what came before it reads the same, however late, and in as
many pieces as they like. Prices are those that the candle-roller kept of each week.

Source: docs/decisions/0040-a-week-ends-between-two-facts.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import redis

from ..domain.ids import TREASURY, InstrumentIdx, UserId
from ..domain.instrument import NO_TICK
from ..domain.leaderboard import Week, week_of
from ..domain.positions import Direction
from ..domain.week_end import Mark, Owned, Stake
from .candles import Candles
from .drain import Drain
from .hot import Hot
from .keys import Keys
from .postgres import Postgres
from .refusals import Cursor

LONGEST_S = 20.0  #: for one statement; a whole table may have to be looked through

_CUT = "SELECT min(treasury_version) FROM fact_moments WHERE at >= %s"

_MARKS = """
SELECT i.idx, coalesce(w.mark_px, i.mark_px, i.index_px),
       w.mark_px IS NOT NULL AND coalesce(n.first_seq = w.last_seq + 1, true)
  FROM instruments i
  LEFT JOIN LATERAL (SELECT mark_px, last_seq FROM week_prices
                      WHERE idx = i.idx AND iso_week <= %(week)s
                      ORDER BY iso_week DESC LIMIT 1) w ON true
  LEFT JOIN LATERAL (SELECT first_seq FROM week_prices
                      WHERE idx = i.idx AND iso_week > %(week)s
                      ORDER BY iso_week LIMIT 1) n ON true"""

_WALLETS = """
SELECT DISTINCT ON (user_id) user_id, version, cash_e4 FROM (
    SELECT user_id, wallet_version AS version, cash_after_e4 AS cash_e4, treasury_version
      FROM trades
    UNION ALL
    SELECT user_id, wallet_version, cash_after_e4, treasury_version FROM wallet_ledger
    UNION ALL
    SELECT user_id, wallet_version, cash_after_e4, treasury_version FROM position_postings
    UNION ALL
    SELECT (payload->>'uid')::bigint, (payload->>'wv')::bigint, (payload->>'cash')::bigint,
           (payload->>'tv')::bigint
      FROM parked_facts WHERE payload->>'k' IN ('trade', 'grant')) AS images
 WHERE user_id = ANY(%(users)s) AND treasury_version < %(cut)s
 ORDER BY user_id, treasury_version DESC"""

_SHARES = """
SELECT user_id, idx, qty_after FROM (
    SELECT DISTINCT ON (user_id, idx) user_id, idx, qty_after
      FROM share_postings WHERE user_id = ANY(%(users)s) AND treasury_version < %(cut)s
     ORDER BY user_id, idx, treasury_version DESC) AS held
 WHERE qty_after > 0 ORDER BY user_id, idx"""

_STAKES = """
SELECT user_id, idx, side, qty_after, open_value_e4, margin_e4 FROM (
    SELECT DISTINCT ON (position_id) *
      FROM position_postings WHERE user_id = ANY(%(users)s) AND treasury_version < %(cut)s
     ORDER BY position_id, number DESC) AS open
 WHERE qty_after > 0 ORDER BY user_id, position_id"""

_TRADES = """
SELECT user_id, count(*) FROM fact_moments
 WHERE user_id = ANY(%(users)s) AND treasury_version < %(cut)s AND kind IN ('trade', 'open')
   AND at >= %(starts)s AND at < %(ends)s
 GROUP BY user_id"""


class WeekEnd:
    """Reads of the instants at which weeks ended."""

    def __init__(
        self, client: redis.Redis, keys: Keys, hot: Hot, pg: Postgres, drain: Drain
    ) -> None:
        self._redis = client
        self._keys = keys
        self._hot = hot
        self._pg = pg
        self._drain = drain
        self._candles = Candles(pg)

    def facts_until_now(self) -> int | None:
        """Have all facts in Postgres that there are; return the treasury's version before the next.

        None if they are too many for one go: ask again.
        """
        # The version first: what comes up to it is in the streams by then, or in Postgres.
        version = self._hot.wallet(TREASURY).version
        return version + 1 if self._drain.facts().complete else None

    def prices_until(self, at_ms: int) -> bool:
        """Whether all prices that were published until *at_ms* are known to `marks`."""
        members: Any = self._redis.smembers(self._keys.instruments)
        clubs = [InstrumentIdx(int(idx)) for idx in members]
        pipeline = self._redis.pipeline(transaction=False)
        for idx in clubs:
            pipeline.hget(self._keys.inst(idx), "tid")
        newest = dict(zip(clubs, pipeline.execute(), strict=True))
        rolled = self._candles.rolled(clubs)
        return all(
            # It may be ahead, of a Redis that has lost its newest.
            _place(rolled[idx].tick_id) >= min(_place(tick_id or NO_TICK), (at_ms + 1, 0))
            for idx, tick_id in newest.items()
        )

    def first_fact_from(self, at_ms: int) -> int | None:
        """The treasury's version of the first fact that happened at *at_ms* or later, if any has.

        Of those in Postgres; but all that came before it is there, too.
        """
        with self._pg.transaction(LONGEST_S) as cursor:
            cursor.execute(_CUT, (_at(at_ms),))
            found: int | None = cursor.fetchone()[0]
            return found

    def marks(self, at_ms: int) -> dict[InstrumentIdx, Mark]:
        """The marks of all clubs by their last ticks until *at_ms*, where a week begins."""
        with self._pg.transaction() as cursor:
            cursor.execute(_MARKS, {"week": week_of(at_ms - 1).name})
            return {InstrumentIdx(idx): Mark(px, exact) for idx, px, exact in cursor.fetchall()}

    def users(self) -> list[UserId]:
        """Everybody but the house."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT id FROM users WHERE id > 0 ORDER BY id")
            return [UserId(user) for (user,) in cursor.fetchall()]

    def owned(self, users: Sequence[UserId], before: int, week: Week) -> list[Owned]:
        """What those of *users* owned who had a wallet, and how often they traded in *week*.

        Args:
            before: the treasury's version of the fact before which.
        """
        given = {
            "users": list(users),
            "cut": before,
            "starts": _at(week.starts_ms),
            "ends": _at(week.ends_ms),
        }
        with self._pg.transaction(LONGEST_S) as cursor:
            # Of one moment: a parked fact may be on its way to its table.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            shares, stakes = _shares(cursor, given), _stakes(cursor, given)
            cursor.execute(_TRADES, given)
            trades = dict(cursor.fetchall())
            cursor.execute(_WALLETS, given)
            return [
                Owned(
                    UserId(user),
                    version,
                    cash_e4,
                    trades.get(user, 0),
                    tuple(shares[user]),
                    tuple(stakes[user]),
                )
                for user, version, cash_e4 in cursor.fetchall()
            ]


def _shares(
    cursor: Cursor, given: Mapping[str, object]
) -> defaultdict[int, list[tuple[InstrumentIdx, int]]]:
    cursor.execute(_SHARES, given)
    found: defaultdict[int, list[tuple[InstrumentIdx, int]]] = defaultdict(list)
    for user, idx, qty in cursor.fetchall():
        found[user].append((InstrumentIdx(idx), qty))
    return found


def _stakes(cursor: Cursor, given: Mapping[str, object]) -> defaultdict[int, list[Stake]]:
    cursor.execute(_STAKES, given)
    found: defaultdict[int, list[Stake]] = defaultdict(list)
    for user, idx, side, *amounts in cursor.fetchall():
        found[user].append(Stake(InstrumentIdx(idx), Direction(side), *amounts))
    return found


def _place(tick_id: str) -> tuple[int, int]:
    ms, _, number = tick_id.partition("-")
    return int(ms), int(number)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
