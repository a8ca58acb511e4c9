"""Which users are connected to which ws-server replica, told through Redis.

A counter would drift with every crash; instead each replica keeps its own
field per user and a heartbeat, and whoever meets a dead replica's field drops
it. `last_seen:{uid}` is calendar time; heartbeats carry both clocks, and how
old one is, is judged by Redis' own clock inside the scripts.

Source: docs/protocol.md, "Presence".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import cast

import redis

from ..domain.ids import UserId
from .keys import USER_RECONNECT, Keys

DEAD_MS = 12_000  #: four heartbeats missed
KEEP_S = 24 * 3600  #: how long last_seen is kept
REAP_BATCH = 200  #: users taken off a dead replica per look, so that a look stays short


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is to be told of one user.

    Attributes:
        left_ms: calendar ms of a departure from this replica; None if there was none.
        here: whether the user has a connection here now.
    """

    user: UserId
    left_ms: int | None
    here: bool


class Replica:
    """This ws-server as the others see it. Every method may raise an outage of Redis."""

    def __init__(
        self, client: redis.Redis, keys: Keys, name: str, *, dead_ms: int = DEAD_MS
    ) -> None:
        self.name = name
        self._redis = client
        self._keys = keys
        self._dead_ms = dead_ms
        self._beat = client.register_script(_lua("beat"))
        self._join = client.register_script(_lua("join"))
        self._leave = client.register_script(_lua("leave"))
        self._reap = client.register_script(_lua("reap"))
        self._forget = client.register_script(_lua("forget"))

    def beat(self, now_ms: int) -> bool:
        """Write the heartbeat; False if the users here may have been dropped and must rejoin."""
        reply = self._beat(keys=[self._keys.ws_replicas], args=[self.name, now_ms, self._dead_ms])
        return _ok(reply)

    def tell(self, changes: Sequence[Whereabouts], now_ms: int) -> bool:
        """Tell *changes* in one pipeline; False if this replica counts as dead: beat, tell again.

        Telling the same twice changes nothing more.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for change in changes:
            if change.left_ms is not None:
                self._leave(
                    keys=self._user_keys(change.user, self.name),
                    args=[change.user, self.name, change.left_ms, *self._policy],
                    client=pipeline,
                )
            if change.here:
                self._join(
                    keys=self._user_keys(change.user, self.name),
                    args=[change.user, self.name, now_ms, *self._policy],
                    client=pipeline,
                )
        return all(_ok(reply) for reply in pipeline.execute())

    def reap(self) -> int:
        """Take users off dead replicas, a batch of each; return how many were taken off."""
        others = cast("list[str]", self._redis.hkeys(self._keys.ws_replicas))
        return sum(self._reap_one(other) for other in others if other != self.name)

    def quit(self) -> None:
        """Remove the heartbeat, after the last user was told to have left."""
        self._redis.hdel(self._keys.ws_replicas, self.name)

    @property
    def _policy(self) -> tuple[int, int, str]:
        return self._dead_ms, KEEP_S, USER_RECONNECT

    def _reap_one(self, other: str) -> int:
        # Ask first whether it is dead and empty: almost always it is neither,
        # and then that was all.
        users_key = self._keys.ws_users(other)
        reply = self._forget(keys=[self._keys.ws_replicas, users_key], args=[other, self._dead_ms])
        if _ok(reply) or reply[1] == "alive":
            return 0
        users = cast("list[str]", self._redis.srandmember(users_key, REAP_BATCH))
        pipeline = self._redis.pipeline(transaction=False)
        for user in users:
            self._reap(
                keys=self._user_keys(UserId(int(user)), other),
                args=[user, other, *self._policy],
                client=pipeline,
            )
        return sum(_ok(reply) for reply in pipeline.execute())

    def _user_keys(self, user: UserId, replica: str) -> list[str]:
        keys = self._keys
        return [keys.presence(user), keys.ws_replicas, keys.ws_users(replica), keys.last_seen(user)]


def _ok(reply: list[str]) -> bool:
    return reply[0] == "ok"


def _lua(command: str) -> str:
    return files("touchline").joinpath(f"lua/presence_{command}.lua").read_text(encoding="utf-8")
