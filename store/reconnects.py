"""What goes with a user's return: whose replay it is, since when they were away, the report.

Every return is noted until somebody has looked after it, so who hears of one may forget it, or die
at it: the note is found again. Source: docs/decisions/0029.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import redis

from ..domain.ids import UserId
from ..domain.position_events import PositionEvent
from ..domain.pushes import PortfolioEvent, ReplayPush
from .keys import Keys, portfolio_channel
from .lua import KERNEL, Call, LuaScript
from .missed import unbroken
from .position_hashes import event_of
from .pubsub import REPLAY_WAITS
from .wire import entry_of

#: Real ms that a replay may take; then another api-server takes it on. The longest there can be,
#: of everything in 26 h of all clubs, reads ticks for some 10 s.
THEIRS_MS = 30_000
#: Real ms until the next replay of the same user. Who comes and goes all the time is looked at no
#: more often, and of two api-servers that hear of a return the slower one finds it done.
REST_MS = 10_000
EVENT = "replay"  #: the push that tells of a replay


class Left(StrEnum):
    """Why there is nothing to do for a user who is back."""

    NOTHING = "nothing"  #: is open, or was closed
    GONE = "gone"  #: is the user again; the next return counts from the same absence
    ELSEWHERE = "elsewhere"  #: it is done, or under way


@dataclass(frozen=True, slots=True)
class Taken:
    """A return that is ours to look after.

    Attributes:
        stamp: tells it from later ones of the same user.
        from_ms: since when the user was away, or earlier (calendar ms); None if nobody knows.
    """

    user: UserId
    stamp: str
    from_ms: int | None


class Reconnects:
    """The returns of users to one exchange. Every method may raise an outage of Redis."""

    def __init__(self, client: redis.Redis, keys: Keys, owner: str) -> None:
        """Take *owner*, the replica that replays."""
        self._redis = client
        self._keys = keys
        self._owner = owner
        self._take = LuaScript("replay_take", KERNEL)
        self._tell = LuaScript("replay_tell", KERNEL)

    def left(self, users: Sequence[UserId]) -> Mapping[UserId, Left]:
        """Those of *users* for whom nothing is to be done, and why; they are done with."""
        replies = self._take.run_all(self._redis, [self._taking(user, 0) for user in users])
        return {
            user: Left(why) for user, (_, why) in zip(users, replies, strict=True) if why != "open"
        }

    def take(self, user: UserId) -> Taken | Left:
        """What *user* has missed, if that is ours; for a while then it is nobody else's."""
        [reply] = self._take.run_all(self._redis, [self._taking(user, THEIRS_MS)])
        if reply[0] == "refused":
            return Left(reply[1])
        return Taken(user, reply[1], int(reply[2]) if reply[2] else None)

    def closed(self, user: UserId) -> tuple[PositionEvent, ...]:
        """Closes by replays of *user* that none has told of: ours, and of whoever died at one."""
        facts: Any = self._redis.lrange(self._keys.replayed(user), 0, -1)
        return tuple(event_of(entry_of(fact)) for fact in facts)

    def tell(self, taken: Taken, replay: ReplayPush) -> bool:
        """Have the user of *taken* told of *replay*; False if it was somebody else's meanwhile.

        Its closes are the first of those that `closed` has, and are told of then. It waits, for ten
        minutes, until `Reminders` has somebody to show it to.
        """
        keys, user = self._keys, taken.user
        names = [keys.ws_returns, keys.presence(user), keys.last_seen(user)]
        told = [portfolio_channel(user), REPLAY_WAITS]
        reply = self._tell.run(
            self._redis,
            [*names, keys.replay_lock(user), keys.replay(user), keys.replayed(user)],
            [
                *(str(user), self._owner, taken.stamp, _spelled(replay), str(REST_MS), *told),
                str(len(replay.closed)),
            ],
        )
        return bool(reply[0] == "ok")

    def waiting(self, older_than_s: float = 0.0) -> list[UserId]:
        """Users whose return was noted so long ago, and whom nobody is at."""
        found: Any = self._redis.hgetall(self._keys.ws_returns)
        if not found:
            return []
        seconds, microseconds = self._redis.time()
        latest = seconds * 1_000_000 + microseconds - older_than_s * 1_000_000
        users = [UserId(int(user)) for user, stamp in found.items() if int(stamp) <= latest]
        locks = self._redis.mget([self._keys.replay_lock(user) for user in users]) if users else []
        return [user for user, lock in zip(users, locks, strict=True) if lock is None]

    def _taking(self, user: UserId, theirs_ms: int) -> Call:
        keys = self._keys
        names = [keys.ws_returns, keys.presence(user), keys.open_by_user(user)]
        names += [keys.last_seen(user), keys.replay_lock(user), keys.replayed(user)]
        return names, [str(user), self._owner, str(theirs_ms)]


class Reminders:
    """What waits until somebody is shown a user's portfolio."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._remind = LuaScript("portfolio_remind", KERNEL)

    def remind(self, user: UserId, seq: int) -> tuple[PortfolioEvent, ...] | None:
        """Push what waits for *user*, whose portfolio was shown as of push number *seq*.

        It is published as well, for whoever else follows it.

        Returns:
            what was pushed, to be shown at once, behind what was pushed last before that; nothing
            if nothing waits; None if the portfolio has to be shown anew first.
        """
        names = [self._keys.pfseq(user), self._keys.replay(user), self._keys.pushes(user)]
        reply = self._remind.run(self._redis, names, [str(user), EVENT, str(seq)])
        return None if reply[0] == "refused" else unbroken(reply[1:])


def _spelled(replay: ReplayPush) -> str:
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
    return msgspec.json.encode(data).decode()
