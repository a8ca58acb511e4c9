"""Leaderboards in Redis: what is told of them, and what the hub reads of that.

A board has a sorted set with everybody's score. The week's board of people is told of besides:
what everybody is shown of it is in the hash `leaderboard`, under the next number of a single count;
so who has read them all knows by one number whether there is anything new. Nothing here has to
survive: each time somebody tells, what differs from what is there is written, which after a loss of
Redis is all of it. The numbers then begin anew, in another life of Redis, whose epoch clients are
told with them.

Source: docs/protocol.md, "The leaderboard over the socket".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import redis

from ..domain.leaderboard import Board, Entrants, Leaderboard, Ranked, shown
from .fence import Fenced
from .keys import Keys
from .lease import Lease
from .lua import KERNEL, LuaScript

SEQ = "seq"  #: field of the hash: the last number given
WEEK = "week"  #: the board of the week, and its channel
ALL = "all"  #: that of all time
CHUNK = 500  #: scores that one run of the script writes: Redis serves nobody else meanwhile


@dataclass(frozen=True, slots=True)
class ToldBoard:
    """What everybody is shown of the leaderboard *name*, and the number under which it was told."""

    name: str
    seq: int
    board: Leaderboard


@dataclass(frozen=True, slots=True)
class ToldBoards:
    """All leaderboards that are told of, and the last number given."""

    seq: int
    boards: tuple[ToldBoard, ...]


class _Told(msgspec.Struct):
    s: int
    d: Leaderboard


_decoder = msgspec.json.Decoder(_Told)


class LeaderboardNews:
    """Tells how boards stand, for whoever ranks."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._tell = LuaScript("leaderboard_tell", KERNEL)

    def tell(self, lease: Lease, board: Board, ranks: tuple[Ranked, ...]) -> bool:
        """Keep *ranks* for the scores of *board*; return whether everybody is told anything new.

        Raises:
            Fenced: somebody else holds *lease*.
        """
        text = self._news(board, ranks)
        key = board_key(self._keys, board)
        changes = list(self._changed(key, ranks).items())
        # What is shown comes last, so that whoever reads more of the board because of it finds it.
        last = max(0, (len(changes) - 1) // CHUNK * CHUNK)
        for at in range(0, last + 1, CHUNK):
            self._send(lease, key, text if at == last else "", changes[at : at + CHUNK])
        return bool(text)

    def _news(self, board: Board, ranks: tuple[Ranked, ...]) -> str:
        """What everybody is to be shown, as JSON; '' if that is nothing new."""
        if board.week is None or board.entrants is not Entrants.PEOPLE:
            return ""
        now = shown(board.week, ranks)
        return "" if now == self._shown() else msgspec.json.encode(now).decode()

    def _shown(self) -> Leaderboard | None:
        payload: Any = self._redis.hget(self._keys.leaderboards, WEEK)
        told = decode_board(WEEK, payload or "")
        return None if told is None else told.board

    def _changed(self, key: str, ranks: Sequence[Ranked]) -> dict[str, str]:
        """Scores that differ from what is there, by user; '' for those who are to go."""
        # Read each time: what we wrote may be lost without our having noticed.
        found: Any = self._redis.zrange(key, 0, -1, withscores=True)
        there = {user: int(score) for user, score in found}
        scores = {str(each.user): each.score_e4 for each in ranks}
        changed = {user: str(e4) for user, e4 in scores.items() if there.get(user) != e4}
        return dict.fromkeys(there.keys() - scores.keys(), "") | changed

    def _send(self, lease: Lease, key: str, text: str, changes: Sequence[tuple[str, str]]) -> None:
        keys = [self._keys.leaderboards, key, lease.key]
        pairs = (part for change in changes for part in change)
        reply = self._tell.run(self._redis, keys, [lease.owner, WEEK, text, *pairs])
        if reply[0] == "refused":
            raise Fenced("another replica holds the lease")


def board_key(keys: Keys, board: Board) -> str:
    """Where the scores of *board* are kept."""
    of_bots = ["bots"] if board.entrants is Entrants.BOTS else []
    if board.week is None:
        return keys.board(ALL, *of_bots)
    return keys.board(WEEK, *of_bots, board.week.name)


def told_boards(client: redis.Redis, keys: Keys, known: int | None) -> ToldBoards | None:
    """All that is told of, if the last number given is not the one *known*.

    None also while nothing was told in this Redis. What cannot be read is left out.
    """
    fields: Mapping[str, str] = client.hgetall(keys.leaderboards)  # type: ignore[assignment]  # sync
    last = fields.get(SEQ)
    if last is None or int(last) == known:
        return None
    found = (decode_board(name, text) for name, text in fields.items() if name != SEQ)
    return ToldBoards(int(last), tuple(each for each in found if each is not None))


def decode_board(name: str, payload: str) -> ToldBoard | None:
    """What is told of the leaderboard *name*; None if this version cannot read it."""
    try:
        told = _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None
    return ToldBoard(name, told.s, told.d)
