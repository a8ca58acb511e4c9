"""What goes with a user's return: whose replay it is, since when they were away, the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import redis

from ..domain.ids import UserId
from ..domain.pushes import ReplayPush
from .keys import Keys
from .lua import KERNEL, LuaScript

#: Real ms. Every api-server hears of a return, busy ones later than others; the one that was first
#: keeps the lock this long, so that it is one replay. A lock given back earlier would make two.
LOCK_MS = 10_000
EVENT = "replay"  #: the push that tells of a replay


class Reconnects:
    """The returns of users to one exchange."""

    def __init__(self, client: redis.Redis, keys: Keys, owner: str) -> None:
        """Take *owner*, the replica that replays."""
        self._redis = client
        self._keys = keys
        self._owner = owner
        self._push = LuaScript("portfolio_push", KERNEL)

    def with_positions(self, users: Sequence[UserId]) -> list[UserId]:
        """Those of *users* who have open positions."""
        pipeline = self._redis.pipeline(transaction=False)
        for user in users:
            pipeline.exists(self._keys.open_by_user(user))
        return [user for user, some in zip(users, pipeline.execute(), strict=True) if some]

    def take(self, user: UserId) -> bool:
        """Whether the replay of *user* is ours; for some seconds then it is nobody else's."""
        lock = self._keys.replay_lock(user)
        return bool(self._redis.set(lock, self._owner, nx=True, px=LOCK_MS))

    def take_absence(self, user: UserId) -> int | None:
        """When the last connection of *user* had ended (calendar ms); None if nobody knows.

        It is looked after with that: the next absence counts from its own beginning.
        """
        seen = self._redis.getdel(self._keys.last_seen(user))
        return None if seen is None else int(str(seen))

    def end_absences(self, users: Iterable[UserId]) -> None:
        """Forget since when *users* were away; there is nothing to look after."""
        absences = [self._keys.last_seen(user) for user in users]
        if absences:
            self._redis.delete(*absences)

    def tell(self, user: UserId, replay: ReplayPush) -> None:
        """Push *replay* to *user*, with the next number.

        A replay often ends before the client that came back follows its portfolio; then it waits
        for `remind`.
        """
        data = {
            "from": replay.from_ms,
            "to": replay.to_ms,
            "closed": [
                {
                    "position_id": close.position_id,
                    "reason": close.reason.value,
                    "tick_time": close.tick_ms,
                    "price": close.px,
                    "pnl": close.pnl_e4,
                }
                for close in replay.closed
            ],
            "checked_ticks": replay.checked_ticks,
        }
        self._push.run(
            self._redis,
            [self._keys.pfseq(user), self._keys.replay(user), self._keys.pushes(user)],
            [str(user), EVENT, msgspec.json.encode(data).decode()],
        )


class Reminders:
    """What waits until somebody follows a user's portfolio."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._remind = LuaScript("portfolio_remind", KERNEL)

    def remind(self, user: UserId) -> bool:
        """Push what waits for *user*, whose portfolio is followed by now; whether there was any."""
        names = [self._keys.pfseq(user), self._keys.replay(user), self._keys.pushes(user)]
        return bool(self._remind.run(self._redis, names, [str(user), EVENT]))
