"""Candles in the place of ticks that Redis has lost, so that stops met meanwhile are not missed.

A lost tick can close nothing: a close names a tick of the stream, and the script proves the breach
again. So for each candle that may concern an open position two ticks are put into the stream, its
low and its high, before anybody trades again. Whoever scans then finds them like any other.
Source: docs/decisions/0020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from ..domain.candles import Candle, Interval, stand_ins
from ..domain.ids import InstrumentIdx
from ..domain.instrument import NO_TICK
from ..domain.ticks import Tick
from .candles import Candles
from .keys import TRIGGER_LEVELS, Keys
from .lost import chunks
from .lua import LuaScript

#: Candles of one club, the newest; minutes of two weeks, or more stops than a club ever meets.
MOST = 20_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Club:
    """One whose stream ends before the tick that its instrument was published by."""

    idx: InstrumentIdx
    newest: str
    newest_seq: int
    last: str  #: tick of the stream; behind it the others are missing
    last_seq: int
    positions: Sequence[str]


class StandIns:
    """Puts ticks into the streams of a Redis that nobody trades on."""

    def __init__(self, client: redis.Redis, keys: Keys, books: Candles) -> None:
        self._redis = client
        self._keys = keys
        self._books = books
        self._append = LuaScript("ticks_restore")

    def restore(self, may_go_on: Callable[[], None]) -> int:
        """Put in what open positions may have to be checked at; how many ticks.

        Done a second time, or by two at once, it comes to the same.
        """
        members: Any = self._redis.smembers(self._keys.instruments)
        put = 0
        for idx in sorted(map(int, members)):
            may_go_on()
            club = self._lacking(InstrumentIdx(idx))
            if club:
                put += self._put(club, self._ticks(club))
        return put

    def _lacking(self, idx: InstrumentIdx) -> _Club | None:
        """The club as it is; None if it lacks nothing that anybody needs."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self._keys.inst(idx), "tid", "seq")
            pipe.xrevrange(self._keys.ticks(idx), count=1)
            pipe.smembers(self._keys.open_by_club(idx))
            (newest, seq), tail, positions = pipe.execute()
        last, fields = tail[0] if tail else (NO_TICK, {"s": "0"})
        if not positions or not newest or last == newest:
            return None
        return _Club(idx, newest, int(seq), last, int(fields["s"]), sorted(positions))

    def _ticks(self, club: _Club) -> list[Tick]:
        start_ms, trailing = self._cursors(club.positions)
        rolled = self._books.rolled([club.idx])[club.idx]
        # Before the last tick that is in candles, or it would be put into them again; and before
        # the newest, behind which the next script writes.
        last_ms = min(_ms(rolled.tick_id), _ms(club.newest)) - 1
        # Where a trailing stop stands depends on all prices, not only on those that meet it.
        levels = None if trailing else self._levels(club.idx)
        found = self._books.concerning(
            club.idx, Interval.MINUTE.start(start_ms), _ms(club.newest), levels, MOST
        )
        if len(found) == MOST:
            log.warning("not all lost ticks are stood in for", instrument=club.idx)
        ticks: list[Tick] = []
        after = club.last
        for candle in _in_order(found, club):
            ticks += stand_ins(candle, after, last_ms)
            after = ticks[-1].id if ticks else after
        return [tick for tick in ticks if _ms(tick.id) <= last_ms]

    def _cursors(self, positions: Iterable[str]) -> tuple[int, bool]:
        """When the first of them was checked last (calendar ms), and whether any stop trails."""
        oldest_ms, trailing = [], False
        for some in chunks(positions):
            with self._redis.pipeline(transaction=False) as pipe:
                for position_id in some:
                    pipe.hmget(self._keys.pos(position_id), "ctick", "trail")
                for checked, trail in pipe.execute():
                    oldest_ms.append(_ms(checked or NO_TICK))
                    trailing = trailing or bool(trail)
        return min(oldest_ms), trailing

    def _levels(self, idx: InstrumentIdx) -> dict[str, int | None]:
        """Of the levels that positions are filed under the one of each kind that is met first."""
        with self._redis.pipeline(transaction=False) as pipe:
            for name, key in zip(TRIGGER_LEVELS, self._keys.trig(idx), strict=True):
                pipe.zrange(key, 0, 0, desc=name.endswith("_low"), withscores=True)
            found = pipe.execute()
        firsts = [int(level[0][1]) if level else None for level in found]
        return dict(zip(TRIGGER_LEVELS, firsts, strict=True))

    def _put(self, club: _Club, ticks: Sequence[Tick]) -> int:
        if not ticks:
            return 0
        flat = [[tick.id, *_fields(tick)] for tick in ticks]
        args = [club.last, str(len(flat[0])), *(text for tick in flat for text in tick)]
        # None if another was faster.
        return int(self._append.run(self._redis, [self._keys.ticks(club.idx)], args))


def _in_order(newest_first: Iterable[Candle], club: _Club) -> list[Candle]:
    """Those that continue the stream, oldest first.

    After a loss Redis gives numbers again. Of two candles that claim the same the later one is of
    ticks that the market went on from.
    """
    kept: list[Candle] = []
    below = club.newest_seq + 1
    for candle in newest_first:
        if club.last_seq < candle.first_seq < below:
            kept.append(candle)
            below = candle.first_seq
    return kept[::-1]


def _fields(tick: Tick) -> list[str]:
    # In the order of lua/ticks.lua, on which readers rely.
    fields = {
        "s": str(tick.seq),
        "f": str(tick.index_px),
        "q": str(tick.inventory),
        "b": str(tick.bid_px),
        "a": str(tick.ask_px),
        "m": str(tick.mark_px),
        "mid": str(tick.mid_px),
        "w": tick.why,
        "h": str(int(tick.halt)),
    }
    return [text for pair in fields.items() for text in pair]


def _ms(tick_id: str) -> int:
    return int(tick_id.partition("-")[0])
