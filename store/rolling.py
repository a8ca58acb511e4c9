"""Ticks into candles: what streams have that candles do not, and what streams may forget then.

A tick leaves its stream when it is 26 h older than the club's newest, it is in the club's candles,
and no open position can still have to be checked at it.
Source: docs/market.md, "Candles" and "Ticks".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis

from ..domain.candles import CandleTick, Interval, Rolled, candles, rolled
from ..domain.halts import Halt
from ..domain.ids import InstrumentIdx
from ..domain.instrument import NO_TICK
from ..domain.ticks import TICKS_KEPT_MS
from ..domain.week_prices import week_closes
from .candles import Candles, Roll
from .fence import Fence
from .keys import Keys
from .redis_client import raw_reply

PAGE = 1_000  #: ticks in one read; some milliseconds for Redis, and for whoever decodes them
ROUND = 5_000  #: ticks after which a transaction is due; in between others get their turn

_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Done:
    """What one round came to: *ticks* and *rows* added; *more* if there are others already."""

    ticks: int = 0
    rows: int = 0
    more: bool = False


class Rolling:
    """The tick streams of one Redis on their way into the candles of one Postgres."""

    def __init__(self, client: redis.Redis, keys: Keys, books: Candles) -> None:
        self._redis = client
        self._keys = keys
        self._books = books

    def roll(self, fence: Fence) -> Done:
        """Put the next ticks into candles, a bounded number, those that have waited longest first.

        Raises:
            Fenced: another does it.
        """
        behind = self._behind()
        rolls: dict[InstrumentIdx, Roll] = {}
        read, more = 0, False
        for n, (idx, was) in enumerate(behind):
            ticks = self._read(idx, was)
            if ticks:
                rolls[idx] = Roll(was, rolled(ticks), candles(ticks, was), week_closes(ticks))
            read += len(ticks)
            more = more or len(ticks) == PAGE
            if read >= ROUND:
                more = more or n + 1 < len(behind)
                break
        if rolls:
            self._books.add(rolls, fence)
        return Done(read, sum(len(roll.candles) for roll in rolls.values()), more)

    def trim(self) -> int:
        """Drop the ticks that nobody needs any more, whole nodes of a stream; how many.

        A bounded number from each stream; call it again until there is none.
        """
        bounds = self._bounds(self._books.rolled(self._clubs()))
        pipeline = self._redis.pipeline(transaction=False)
        for idx, (ms, number) in bounds.items():
            pipeline.xtrim(self._keys.ticks(idx), minid=f"{ms}-{number}", approximate=True)
        return sum(pipeline.execute())

    def forget(self, interval: Interval, before_ms: int) -> int:
        """Delete candles that began before *before_ms*, a bounded number; how many."""
        return self._books.forget(interval, before_ms)

    def _clubs(self) -> list[InstrumentIdx]:
        members: Any = self._redis.smembers(self._keys.instruments)
        return [InstrumentIdx(idx) for idx in sorted(map(int, members))]

    def _behind(self) -> list[tuple[InstrumentIdx, Rolled]]:
        """Clubs with ticks that are in no candle, and where they stand."""
        clubs = self._clubs()
        pipeline = self._redis.pipeline(transaction=False)
        for idx in clubs:
            pipeline.hget(self._keys.inst(idx), "tid")
        newest = pipeline.execute()
        places = self._books.rolled(clubs)
        behind = [
            (idx, places[idx])
            for idx, tick_id in zip(clubs, newest, strict=True)
            if tick_id not in (None, places[idx].tick_id)
        ]
        return sorted(behind, key=lambda each: _place(each[1].tick_id))

    def _read(self, idx: InstrumentIdx, after: Rolled) -> list[CandleTick]:
        entries = raw_reply(
            self._redis,
            *("XRANGE", self._keys.ticks(idx), f"({after.tick_id}", "+", "COUNT", str(PAGE)),
        )
        return [_tick(entry_id, *fields) for entry_id, fields in entries]

    def _bounds(self, places: Mapping[InstrumentIdx, Rolled]) -> dict[InstrumentIdx, _Place]:
        """The oldest tick of each club that has to stay."""
        pipeline = self._redis.pipeline(transaction=False)
        for idx in places:
            pipeline.hget(self._keys.inst(idx), "tid")
            pipeline.scard(self._keys.open_by_club(idx))
            pipeline.hget(self._keys.watch(idx), "id")
        found = pipeline.execute()
        return {
            idx: _bound(place, *found[3 * n : 3 * n + 3])
            for n, (idx, place) in enumerate(places.items())
        }


def _bound(place: Rolled, newest: str | None, positions: int, watched: str | None) -> _Place:
    old = (_place(newest or NO_TICK)[0] - TICKS_KEPT_MS, 0)
    needed = [old, _place(place.tick_id)]
    if positions:
        # A position is checked from its own cursor or from its club's, whichever is later: none
        # needs a tick from before the watch. One opened since needs none that is there now.
        needed.append(_place(watched or NO_TICK))
    return max(min(needed), (0, 0))


def _place(tick_id: str) -> _Place:
    ms, _, number = tick_id.partition("-")
    return int(ms), int(number)


def _tick(
    entry_id: str,
    _s: str, seq: str, _f: str, index: str, _q: str, inventory: str, _b: str, bid: str,
    _a: str, ask: str, _m: str, mark: str, _mid: str, mid: str, _w: str, _why: str,
    _h: str, halt: str,
) -> CandleTick:  # fmt: skip
    # In the order in which lua/ticks.lua writes them, as in store/stretches.py.
    prices = int(bid), int(ask), int(mark), int(mid)
    return CandleTick(entry_id, int(seq), int(index), int(inventory), *prices, _halt(halt))


@cache
def _halt(text: str) -> Halt:
    return Halt(int(text))
