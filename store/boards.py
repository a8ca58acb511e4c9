"""Whole leaderboards, for whoever asks where somebody stands.

Scores of boards that still move are in Redis, by whoever ranks; those of weeks that are frozen are
in Postgres for ever. So are names, and who has been here longer.
"""

from __future__ import annotations

from typing import Any

import redis

from ..domain.ids import UserId
from ..domain.leaderboard import Board, Player, Standing, ranked
from .keys import Keys
from .leaderboard_news import board_key
from .postgres import Postgres
from .weekly_books import WeeklyBooks

_PLAYERS = """
SELECT id, display_name, (extract(epoch FROM created_at) * 1000)::bigint
  FROM users WHERE id = ANY(%s)"""


class Boards:
    """Reads of whole boards."""

    def __init__(self, client: redis.Redis, keys: Keys, pg: Postgres) -> None:
        self._redis = client
        self._keys = keys
        self._pg = pg
        self._books = WeeklyBooks(pg)

    def read(self, board: Board) -> Standing:
        """Everybody who is ranked on *board*; nobody if it is not kept, or nobody was."""
        return self._books.frozen(board) or self._moving(board)

    def _moving(self, board: Board) -> Standing:
        found: Any = self._redis.zrange(board_key(self._keys, board), 0, -1, withscores=True)
        scores = {UserId(int(user)): int(score) for user, score in found}
        return Standing(ranked(self._players(list(scores)), scores) if scores else ())

    def _players(self, users: list[UserId]) -> list[Player]:
        with self._pg.transaction() as cursor:
            cursor.execute(_PLAYERS, (users,))
            return [Player(UserId(user), name, made) for user, name, made in cursor.fetchall()]
