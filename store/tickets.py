"""Which ws tokens have been used: each opens one connection.

Source: docs/protocol.md, "Tokens".
"""

from __future__ import annotations

import redis

from .keys import Keys

#: Longer than a ws token lives (60 s, and the leeway for clocks): after that
#: its expiry refuses it.
REMEMBERED_S = 90


class Tickets:
    """The used ws tokens of the last minute and a half, over all replicas."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def spend(self, token_id: str) -> bool:
        """Use the token called *token_id*; False if it was used before.

        Raises:
            an outage of Redis: whether the token is fresh cannot be known then.
        """
        return bool(self._redis.set(self._keys.wsjti(token_id), 1, nx=True, ex=REMEMBERED_S))
