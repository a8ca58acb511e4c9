"""Which users are connected to which ws-server replica, told through Redis.

A counter would drift with every crash; instead each replica keeps its own
field per user and a heartbeat, and whoever meets a dead replica's field drops
it. `last_seen:{uid}` is calendar time; how old a heartbeat is, and who came
before whom, is judged by Redis' own clock.

Everything a replica tells is numbered. What was held up on its way and is
overtaken is not carried out any more; and a replica learns from the number
that Redis has of it that something it told is lost, or that others thought it
dead: then it tells again who is here, and who has left lately.

Source: docs/decisions/0029.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from ..domain.clock import Moment, Monotonic
from ..domain.ids import UserId
from .keys import USER_RECONNECT, Keys
from .lua import Call, LuaScript

DEAD_MS = 12_000  #: four heartbeats missed
KEEP_S = 24 * 3600  #: how long last_seen is kept
REAP_BATCH = 200  #: users taken off a dead replica per look, so that a look stays short
PRESENCE = "presence"  #: the script before all others


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is to be told of one user.

    Attributes:
        left: when the user left this replica; None if that is not to be told.
        here: whether the user has a connection here now.
    """

    user: UserId
    left: Moment | None
    here: bool


class Replica:
    """This ws-server as the others see it. Every method may raise an outage of Redis."""

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        name: str,
        monotonic: Monotonic,
        *,
        dead_ms: int = DEAD_MS,
    ) -> None:
        self.name = name
        self._redis = client
        self._keys = keys
        self._monotonic = monotonic
        self._dead_ms = dead_ms
        self._sent = 0  # the number of the newest message
        self._heard = 0  # of the newest that is known to be carried out; 0 to begin anew
        self._ahead_ms = 0.0  # Redis' clock before the monotonic one, at least
        self._beat, self._join, self._leave, self._reap, self._forget = (
            LuaScript(f"presence_{name}", PRESENCE)
            for name in ("beat", "join", "leave", "reap", "forget")
        )

    def beat(self, told_ms: int) -> bool:
        """Write the heartbeat: all that was seen up to *told_ms* is told.

        Returns:
            False if it is not written, and everybody here, and whoever has left lately, has to
            be told again. Note that, then beat once more.
        """
        self._sent += 1
        args = [self.name, str(self._sent), str(self._heard), str(told_ms)]
        reply = self._beat.run(self._redis, [self._keys.ws_replicas], args)
        if not _ok(reply):
            self._heard = 0
            return False
        self._heard = self._sent
        self._ahead_ms = int(reply[1]) - self._monotonic() * 1000
        return True

    def tell(self, changes: Sequence[Whereabouts], now_ms: int) -> bool:
        """Tell *changes*; False if not all is told: beat, tell again.

        Telling the same twice changes nothing more.
        """
        self._sent += 1
        left = [self._left(change.user, change.left) for change in changes if change.left]
        here = [self._here(change.user, now_ms) for change in changes if change.here]
        for script, calls in ((self._leave, left), (self._join, here)):
            if calls and not all(map(_ok, script.run_all(self._redis, calls))):
                return False
        if left or here:
            self._heard = self._sent
        return True

    def reap(self) -> int:
        """Take users off dead replicas, a batch of each; return how many were taken off."""
        others = cast("list[str]", self._redis.hkeys(self._keys.ws_replicas))
        return sum(self._reap_one(other) for other in others if other != self.name)

    def quit(self) -> None:
        """Remove the heartbeat, after the last user was told to have left."""
        self._redis.hdel(self._keys.ws_replicas, self.name)

    def _left(self, user: UserId, left: Moment) -> Call:
        at_ms = left.at_s * 1000 + self._ahead_ms
        return self._change(user, str(left.ms), f"{at_ms:.0f}")

    def _here(self, user: UserId, now_ms: int) -> Call:
        return self._change(user, str(now_ms))

    def _change(self, user: UserId, *args: str) -> Call:
        numbers = str(self._sent), str(self._heard)
        head = [str(user), self.name, *numbers, *self._policy]
        return self._user_keys(user, self.name), [*head, *args]

    @property
    def _policy(self) -> tuple[str, str, str]:
        return str(self._dead_ms), str(KEEP_S), USER_RECONNECT

    def _reap_one(self, other: str) -> int:
        # Ask first whether it is dead and empty: almost always it is neither,
        # and then that was all.
        users_key = self._keys.ws_users(other)
        reply: Any = self._forget.run(
            self._redis, [self._keys.ws_replicas, users_key], [other, str(self._dead_ms)]
        )
        if _ok(reply) or reply[1] == "alive":
            return 0
        users = cast("list[str]", self._redis.srandmember(users_key, REAP_BATCH))
        calls = [
            (self._user_keys(UserId(int(user)), other), [user, other, *self._policy])
            for user in users
        ]
        return sum(map(_ok, self._reap.run_all(self._redis, calls)))

    def _user_keys(self, user: UserId, replica: str) -> list[str]:
        keys = self._keys
        users = keys.ws_users(replica)
        return [keys.presence(user), keys.ws_replicas, users, keys.last_seen(user), keys.ws_returns]


def _ok(reply: Sequence[str]) -> bool:
    return reply[0] == "ok"
