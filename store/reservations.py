"""What waiting orders have set aside of their owners' money and positions, against those orders.

A wallet's two sums (`rsv`, `rpos`) follow from the orders that wait: no version counts them, and
neither a row nor a fact has them. The scripts keep them. Here they are proved, while everything
goes on changing, and worked out anew after a loss. Source: docs/decisions/0021.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import redis

from ..domain.ids import UserId
from ..domain.orders import OrderKind, release_key
from .keys import Keys
from .lua import LuaScript
from .moments import moments

CHUNK = 200  #: users in one transaction: Redis serves nobody else meanwhile
LOOKS = 5  #: at a user whose orders come and go all the time

Wrong = Mapping[str, object]


class Sums(NamedTuple):
    """What is set aside: money (1e-4 coin), and how many positions."""

    reserved_e4: int
    positions: int


class Reservations:
    """Compares all wallets of one Redis with the orders that wait there."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._tell = LuaScript("reserved_restore")

    def wrong(self) -> Iterator[Wrong]:
        """Every user whose wallet tells other sums than the orders, as of one moment."""
        for users in _chunks(list(self._concerned())):
            for _ in range(LOOKS):
                changed = []
                for user, ids, look in moments(
                    self._redis, users, self._keys.pending_of, self._read
                ):
                    if look[0] != ids:
                        changed.append(user)
                        continue
                    told, wanted = _told(look[1]), _wanted(look[2::2], look[3::2])
                    if told != wanted:
                        yield {"user": user, "found": tuple(told), "wanted": tuple(wanted)}
                users = changed

    def restore(self, may_go_on: Callable[[], None]) -> int:
        """Have every wallet tell the sums of the orders; how many told others."""
        restored = 0
        for users in _chunks(list(self._concerned())):
            may_go_on()
            restored += sum(map(self._put_right, users))
        return restored

    def _concerned(self) -> Iterator[UserId]:
        """Users of whom something waits, or is said to be set aside."""
        for users in _chunks(sorted(self._users())):
            with self._redis.pipeline(transaction=False) as pipe:
                for user in users:
                    pipe.hmget(self._keys.wallet(user), "rsv", "rpos")
                    pipe.scard(self._keys.pending_of(user))
                replies = iter(pipe.execute())
            for user in users:
                sums, waiting = _told(next(replies)), next(replies)
                if waiting or any(sums):
                    yield user

    def _users(self) -> set[UserId]:
        found: set[UserId] = set()
        for prefix in (self._keys.wallet(""), f"{self._keys.tag}pending:"):
            for key in self._redis.scan_iter(f"{prefix}*", count=CHUNK):
                name = key.removeprefix(prefix)
                found |= {UserId(int(name))} if name.isdecimal() else set()
        return found

    def _read(self, pipe: Any, user: UserId, ids: set[str]) -> None:
        pipe.smembers(self._keys.pending_of(user))
        pipe.hmget(self._keys.wallet(user), "rsv", "rpos")
        for order_id in ids:
            pipe.hmget(self._keys.order(order_id), "rsv", "kind")
            pipe.hget(self._keys.idem(user, release_key(order_id)), "fp")

    def _put_right(self, user: UserId) -> bool:
        wallet, pending = self._keys.wallet(user), self._keys.pending_of(user)
        while True:
            # The sums first: who carries out one of the orders meanwhile changes them.
            found: Any = self._redis.hmget(wallet, "rsv", "rpos")
            ids: Any = self._redis.smembers(pending)
            with self._redis.pipeline(transaction=False) as pipe:
                for order_id in ids:
                    pipe.hmget(self._keys.order(order_id), "rsv", "kind")
                    pipe.hget(self._keys.idem(user, release_key(order_id)), "fp")
                look = pipe.execute()
            wanted = _wanted(look[0::2], look[1::2])
            if _told(found) == wanted:
                return False
            args = [*(text or "" for text in found), *map(str, wanted), *ids]
            if self._tell.run(self._redis, [wallet, pending], args):
                return True


def _told(fields: Sequence[str | None]) -> Sums:
    return Sums(*map(_number, fields))


def _wanted(orders: Sequence[Sequence[str | None]], keys: Sequence[str | None]) -> Sums:
    """The sums over *orders*, but for those whose *keys* say that they were carried out."""
    reserved_e4 = positions = 0
    for (amount, kind), key in zip(orders, keys, strict=True):
        if key is None:
            reserved_e4 += _number(amount)
            positions += kind == OrderKind.OPEN and _number(amount) > 0
    return Sums(reserved_e4, positions)


def _number(text: str | None) -> int:
    """What *text* says; -1, which no sum can be, if it is nonsense."""
    return int(text) if text and text.isdecimal() else -1 if text else 0


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    yield from (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))
