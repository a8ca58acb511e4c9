"""Where positions are filed in Redis, against the positions themselves, while both go on changing.

Scripts keep, beside each position's hash: the sets of the open ones by user and by club, six
sorted sets a club by the next price that concerns them, and what each user is long and short.
Nothing of it has a version or a row; a position that is filed wrongly is found by no tick. Every
verdict is of one moment: what is compared is read in one transaction of Redis.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from ..domain.ids import InstrumentIdx, UserId
from ..domain.positions import Direction, Position, levels
from .keys import Keys
from .moments import moments
from .position_hashes import position_of

#: Positions, or users, in one transaction, and what one scan reads: Redis serves nobody else
#: meanwhile.
CHUNK = 200
LOOKS = 5  #: at a user who opens positions all the time

Misfiled = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Where:
    """The position *id*, and whose and of which club it says it is."""

    id: str
    user: UserId
    idx: InstrumentIdx


def filed_at(keys: Keys, position: Position) -> dict[str, int]:
    """The sorted sets where *position* has to be, and its score there."""
    at = levels(position)
    bid_low, bid_high, ask_low, ask_high, mark_low, mark_high = keys.trig(position.idx)
    if position.side is Direction.LONG:
        wanted = {bid_low: at.stop, bid_high: at.gain, mark_low: at.loss, mark_high: at.relief}
    else:
        wanted = {ask_high: at.stop, ask_low: at.gain, mark_high: at.loss, mark_low: at.relief}
    return {key: px for key, px in wanted.items() if px is not None}


class Files:
    """Compares all positions of one Redis with where they are filed."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def misfiled(self) -> Iterator[Misfiled]:
        """Every position that is filed wrongly, and every user whose exposure is."""
        filed, users = self._filed(), self._users()
        wheres = list(self._positions(filed))
        for where in _chunks(wheres):
            yield from self._misfiled(where)
        filed -= {where.id for where in wheres}
        yield from (
            {"position": each, "finding": "filed, but no position"} for each in sorted(filed)
        )
        for chunk in _chunks(sorted(users | {where.user for where in wheres})):
            yield from self._misjudged(chunk)

    def _filed(self) -> set[str]:
        """Ids of all positions that are filed anywhere."""
        client: Any = self._redis
        found: set[str] = set()
        for pattern in (self._keys.open_by_user("*"), self._keys.open_by_club("*")):
            for key in client.scan_iter(pattern, count=CHUNK):
                found.update(client.sscan_iter(key, count=CHUNK))
        for pattern in self._keys.trig("*"):
            for key in client.scan_iter(pattern, count=CHUNK):
                found.update(each for each, _ in client.zscan_iter(key, count=CHUNK))
        return found

    def _users(self) -> set[UserId]:
        """Users who have open positions, or something long or short."""
        found: set[UserId] = set()
        for prefix in (self._keys.open_by_user(""), self._keys.hold("")):
            for key in self._redis.scan_iter(f"{prefix}*", count=CHUNK):
                name = key.removeprefix(prefix)
                found |= {UserId(int(name))} if name.isdecimal() else set()
        return found

    def _positions(self, filed: Iterable[str]) -> Iterator[_Where]:
        """Every position that is open or filed, as far as it says whose it is."""
        prefix = self._keys.pos("")
        scanned = self._redis.scan_iter(f"{prefix}*", count=CHUNK)
        every = {key.removeprefix(prefix) for key in scanned} | set(filed)
        for ids in _chunks(sorted(every)):
            with self._redis.pipeline(transaction=False) as pipe:
                for each in ids:
                    pipe.hmget(self._keys.pos(each), "uid", "idx", "qty")
                found = zip(ids, pipe.execute(), strict=True)
            for each, (uid, idx, qty) in found:
                named = (uid or "").isdecimal() and (idx or "").isdecimal()
                if named and (qty != "0" or each in filed):
                    yield _Where(each, UserId(int(uid)), InstrumentIdx(int(idx)))

    def _misfiled(self, wheres: Sequence[_Where]) -> Iterator[Misfiled]:
        with self._redis.pipeline(transaction=True) as pipe:
            for where in wheres:
                pipe.hgetall(self._keys.pos(where.id))
                for key in self._sets(where):
                    pipe.sismember(key, where.id)
                for key in self._keys.trig(where.idx):
                    pipe.zscore(key, where.id)
            replies = iter(pipe.execute())
        for where in wheres:
            fields = next(replies)
            keys = (*self._sets(where), *self._keys.trig(where.idx))
            found = {key: next(replies) for key in keys}
            try:
                position = position_of(fields)
            except (KeyError, ValueError):
                yield {"position": where.id, "finding": "unreadable in redis"}
                continue
            wanted: dict[str, float] = dict.fromkeys(self._sets(where), position.qty > 0)
            wanted |= filed_at(self._keys, position)
            for key in keys:
                if found[key] != wanted.get(key):
                    told = {"found": found[key], "wanted": wanted.get(key)}
                    yield {"position": where.id, "finding": "filed wrongly", "key": key, **told}

    def _misjudged(self, users: Sequence[UserId]) -> Iterator[Misfiled]:
        """Users of whom it is noted wrongly what they are long and short."""
        for _ in range(LOOKS):
            changed = []
            for user, ids, look in moments(self._redis, users, self._keys.open_by_user, self._read):
                if look[0] != ids:
                    changed.append(user)
                    continue
                wanted: dict[str, int] = defaultdict(int)
                for idx, side, qty in look[2:]:
                    wanted[f"{(side or '?')[0]}:{idx}"] += int(qty or 0)
                noted = {name: text for name, text in look[1].items() if name[:2] in ("l:", "s:")}
                for name in sorted(wanted.keys() | noted.keys()):
                    if noted.get(name, "0") != str(wanted[name]):
                        told = {"found": noted.get(name), "wanted": wanted[name]}
                        yield {"user": user, "finding": "exposure", "field": name, **told}
            users = changed

    def _read(self, pipe: Any, user: UserId, ids: set[str]) -> None:
        pipe.smembers(self._keys.open_by_user(user))
        pipe.hgetall(self._keys.hold(user))
        for each in ids:
            pipe.hmget(self._keys.pos(each), "idx", "side", "qty")

    def _sets(self, where: _Where) -> tuple[str, str]:
        return self._keys.open_by_user(where.user), self._keys.open_by_club(where.idx)


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    yield from (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))
