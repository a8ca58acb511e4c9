"""Whole leaderboards, for whoever asks where somebody stands.

Scores are in Redis, by whoever ranks; names, and who has been here longer, in Postgres.
"""

from __future__ import annotations

from typing import Any

import redis

from ..domain.ids import UserId
from ..domain.leaderboard import Player, Ranked, Week, ranked
from .keys import Keys
from .leaderboard_news import WEEK
from .postgres import Postgres

_PLAYERS = """
SELECT id, display_name, (extract(epoch FROM created_at) * 1000)::bigint
  FROM users WHERE id = ANY(%s)"""


class Boards:
    """Reads of whole boards."""

    def __init__(self, client: redis.Redis, keys: Keys, pg: Postgres) -> None:
        self._redis = client
        self._keys = keys
        self._pg = pg

    def read(self, week: Week) -> tuple[Ranked, ...]:
        """Everybody who is ranked in *week*; nobody if it is not kept (35 days), or nobody was."""
        found: Any = self._redis.zrange(self._keys.board(WEEK, week.name), 0, -1, withscores=True)
        scores = {UserId(int(user)): int(score) for user, score in found}
        return ranked(self._players(list(scores)), scores) if scores else ()

    def _players(self, users: list[UserId]) -> list[Player]:
        with self._pg.transaction() as cursor:
            cursor.execute(_PLAYERS, (users,))
            return [Player(UserId(user), name, made) for user, name, made in cursor.fetchall()]
