"""The stream of facts that are not yet known to be in Postgres.

A script appends a fact here before it changes a balance. Whoever has made the
fact durable deletes the entry; what is left over is inserted again, which
changes nothing. Entry ids carry Redis' own real time, so ages need no
calendar.
"""

from collections.abc import Mapping

import redis

from .entries import Entry, entries_in, oldest
from .keys import Keys, OutboxName
from .redis_client import raw_reply


class Outbox:
    """One stream of facts, such as `trade_outbox`."""

    def __init__(self, client: redis.Redis, key: str) -> None:
        self._redis = client
        self._key = key

    def read(self, limit: int, after: str | None = None) -> list[Entry]:
        """At most *limit* of the oldest entries after the id *after*."""
        return entries_in(raw_reply(self._redis, *oldest(self._key, limit, after)))

    def length(self) -> int:
        """How many facts are waiting."""
        return int(self._redis.xlen(self._key))

    def oldest_age_s(self) -> float:
        """Real seconds the oldest entry has been waiting; 0 if there is none."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.xrange(self._key, count=1)
            pipe.time()
            first, (now_s, micros) = pipe.execute()
        if not first:
            return 0.0
        added_ms = int(first[0][0].partition("-")[0])
        now: float = now_s + micros / 1e6
        return max(0.0, now - added_ms / 1000)


Outboxes = Mapping[OutboxName, Outbox]
"""The streams of facts by their names."""


def open_outboxes(client: redis.Redis, keys: Keys) -> Outboxes:
    """All streams of facts of one Redis."""
    return {name: Outbox(client, keys.outbox(name)) for name in OutboxName}
