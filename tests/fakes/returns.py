"""A user who is back, and what they have missed, as the api-server tells it."""

from __future__ import annotations

import redis
from touchline.domain.ids import UserId
from touchline.domain.pushes import ReplayPush
from touchline.store.keys import Keys
from touchline.store.reconnects import Reconnects, Taken


def tell_replay(client: redis.Redis, keys: Keys, user: UserId, replay: ReplayPush) -> None:
    """Have *user*, who has something open, told of *replay*, wherever they are."""
    client.hset(keys.ws_returns, str(user), "1")
    if not client.exists(keys.presence(user)):
        client.hset(keys.presence(user), "a ws-server", "1:1")
    reconnects = Reconnects(client, keys, "one")
    taken = reconnects.take(user)
    assert isinstance(taken, Taken)
    assert reconnects.tell(taken, replay)
