"""Which ws tokens have been used: each opens one connection.

Source: docs/protocol.md, "Tokens".
"""

from __future__ import annotations

import redis

from ..domain.ids import UserId
from .keys import Keys
from .revocations import Ended

#: Longer than a ws token lives (60 s, and the leeway for clocks): after that
#: its expiry refuses it.
REMEMBERED_S = 90


class Tickets:
    """The used ws tokens of the last minute and a half, over all replicas."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def spend(self, token_id: str, user: int, session: str) -> str | None:
        """Use the token called *token_id* of a session of *user*; else why that cannot be.

        Raises:
            an outage of Redis: whether the token is fresh cannot be known then.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zscore(self._keys.revoked_sessions, Ended(UserId(user), session).member)
            pipe.set(self._keys.wsjti(token_id), 1, nx=True, ex=REMEMBERED_S)
            ended, fresh = pipe.execute()
        if ended is not None:
            return "the session has ended"
        return None if fresh else "the token was used already"
