"""What the servers hold, read only: whether they are level, the ledger, the wallets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import redis as redis_module
from touchline.store.keys import Keys, State
from touchline.store.outbox import open_outboxes
from touchline.store.redis_client import open_redis

from .audit import HOUSE, Entry, Purse

KEYS = Keys()
LEDGER = f"""
SELECT id::text, user_id, idem_key, 'client',
       CASE side WHEN 'buy' THEN -value_e4 - fee_e4 ELSE value_e4 - fee_e4 END, 0, NULL, 0, false
  FROM trades
UNION ALL
SELECT id::text, user_id, idem_key, made_by, pnl_e4 - fee_e4 - margin_moved_e4, margin_moved_e4,
       position_id::text, number, trigger_tick_id IS NOT NULL
  FROM cfd_events
UNION ALL
SELECT id::text, user_id, idem_key, '{HOUSE}', amount_e4, 0, NULL, 0, false
  FROM wallet_ledger
"""
PARKED = "SELECT (SELECT count(*) FROM trade_outbox) + (SELECT count(*) FROM position_outbox)"


class Books:
    """Both servers; connected anew every time, since they come and go."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings

    def is_level(self) -> bool:
        """Whether Postgres has everything that Redis has."""
        with self._redis() as client:
            facts = sum(outbox.length() for outbox in open_outboxes(client, KEYS).values())
            return not facts + sum(int(client.scard(KEYS.dirty(state))) for state in State)

    def entries(self) -> list[Entry]:
        """The whole ledger, but for the house's side."""
        names = ("fact", "user", "key", "by", "cash_e4", "locked_e4", "position", "number")
        return [
            Entry(**dict(zip((*names, "triggered"), row, strict=True)) | {"key": row[2] or ""})
            for row in self._rows(LEDGER)
        ]

    def purses(self) -> dict[int, Purse]:
        """All wallets by user."""
        rows = self._rows("SELECT user_id, cash_e4, locked_e4 FROM wallets")
        return {user: Purse(cash, locked) for user, cash, locked in rows}

    def parked(self) -> int:
        """Facts that Postgres has refused."""
        return int(self._rows(PARKED)[0][0])

    @contextmanager
    def _redis(self) -> Iterator[redis_module.Redis]:
        client = open_redis(self._settings["REDIS_URL"], role="soak", connections=1)
        try:
            yield client
        finally:
            client.close()

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        connecting = closing(psycopg2.connect(self._settings["DATABASE_URL"]))
        with connecting as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())
