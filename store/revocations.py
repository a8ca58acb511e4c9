"""Which sessions were ended lately: asked at every request, and told to every ws-server.

Postgres says it for ever (`sessions.revoked_at`); this is the part of it that
tokens and connections are still about. Redis being put back brings it back.

Source: docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from ..domain.ids import UserId
from .anyway import write_anyway
from .keys import SESSION_REVOKED, Keys
from .listening import Listening
from .postgres import Postgres

#: Longer than anything that a session opens: a WebSocket lives for 12 h.
KEPT_MS = 13 * 3_600_000
#: What one look looks at again, for the clocks of api-servers differ, and a connection may open
#: just after its session was told to be over.
OVERLAP_MS = 60_000
#: What Redis has to know for certain: what is older than a WebSocket gets matters no more, and
#: by the clock of another it may have been forgotten already.
COMPARED_MS = KEPT_MS - 1_800_000
GRACE_MS = 10_000  #: whoever ended a session is just telling of it
AT_ONCE = 1_000  #: members that Redis is asked about in one command


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that was ended."""

    user: UserId
    session: str

    @property
    def member(self) -> str:
        """As it is written in Redis."""
        return f"{self.user}:{self.session}"

    @classmethod
    def read(cls, member: str) -> Ended:
        """The reverse."""
        user, _, session = member.partition(":")
        return cls(UserId(int(user)), session)


class Revocations:
    """The sessions ended in the last 13 hours. Every method may raise an outage of Redis."""

    def __init__(
        self, client: redis.Redis, keys: Keys, now: Callable[[], float] = time.time
    ) -> None:
        """Take *now*, real Unix seconds."""
        self._redis = client
        self._key = keys.revoked_sessions
        self._now = now

    def add(self, *ended: Ended) -> None:
        """Have it known everywhere that sessions are over."""
        if not ended:
            return
        now_ms = self._now_ms()
        # However full Redis is: nobody must stay signed in because of that.
        write_anyway(
            self._redis,
            [
                *(("ZADD", self._key, str(now_ms), each.member) for each in ended),
                ("ZREMRANGEBYSCORE", self._key, "-inf", str(now_ms - KEPT_MS)),
            ],
        )
        for each in ended:
            self._redis.publish(SESSION_REVOKED, each.member)

    def tell_missing(self, ended: Sequence[Ended]) -> int:
        """Have those of *ended* known everywhere that are not; how many they were."""
        missing: list[Ended] = []
        for at in range(0, len(ended), AT_ONCE):
            asked = ended[at : at + AT_ONCE]
            scores: Any = self._redis.zmscore(self._key, [each.member for each in asked])
            missing += [each for each, score in zip(asked, scores, strict=True) if score is None]
        # By the time of now, not by that of their end: else a look of who reads what is new would
        # be past them already.
        self.add(*missing)
        return len(missing)

    def has(self, user: int, session: str) -> bool:
        """Whether this session is over."""
        member = Ended(UserId(user), session).member
        return self._redis.zscore(self._key, member) is not None

    def since(self, ms: int | None) -> tuple[int, list[Ended]]:
        """Now, and what ended after *ms*, or of what is known; some of it again."""
        now_ms = self._now_ms()
        after = "-inf" if ms is None else str(ms - OVERLAP_MS)
        found: Any = self._redis.zrangebyscore(self._key, after, "+inf")
        return now_ms, [Ended.read(member) for member in found]

    def _now_ms(self) -> int:
        return round(self._now() * 1000)


def ended_sessions(client: redis.Redis) -> Listening[Ended]:
    """Sessions, the moment they are ended."""
    return Listening(client, SESSION_REVOKED, lambda message: Ended.read(message["data"]))


class RecordedEnds:
    """The same sessions as Postgres has them. Every method may raise an outage of it."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def ended(self) -> list[Ended]:
        """Those that a token or a connection may still be of, but for those of a moment ago."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT user_id, id::text FROM sessions WHERE revoked_at"
                f" BETWEEN now() - interval '{COMPARED_MS} ms' AND now() - interval '{GRACE_MS} ms'"
            )
            return [Ended(UserId(user), session) for user, session in cursor.fetchall()]


def restore_revocations(client: redis.Redis, keys: Keys, pg: Postgres) -> None:
    """Put back into a Redis behind its gate what Postgres knows."""
    with pg.transaction() as cursor:
        cursor.execute(
            "SELECT (extract(epoch FROM revoked_at) * 1000)::bigint, user_id, id::text"
            f" FROM sessions WHERE revoked_at > now() - interval '{KEPT_MS} ms'"
        )
        rows = cursor.fetchall()
    write_anyway(
        client,
        [
            ("ZADD", keys.revoked_sessions, str(at_ms), Ended(UserId(user), session).member)
            for at_ms, user, session in rows
        ],
    )
