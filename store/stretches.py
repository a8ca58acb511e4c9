"""Ticks as the scanner reads them: in pages, and no more of each than can concern a position."""

from functools import cache

import redis

from ..domain.halts import Halt
from ..domain.ids import InstrumentIdx
from ..domain.scanning import Cursor, Stretch
from ..domain.ticks import Glance, Why
from .keys import Keys
from .redis_client import raw_reply

CANDLE = Why.CANDLE.value
PAGE = 1000  #: ticks in one read; some milliseconds for Redis, and for whoever decodes them


class Stretches:
    """The tick streams of one Redis."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def read(self, idx: InstrumentIdx, after: Cursor, upto: Cursor) -> Stretch:
        """The next ticks of *idx* after one tick and up to another, `PAGE` at the most."""
        first, count = f"({after.tick_id}", str(PAGE)
        entries = raw_reply(
            self._redis, "XRANGE", self._keys.ticks(idx), first, upto.tick_id, "COUNT", count
        )
        return Stretch([_glance(entry_id, *fields) for entry_id, fields in entries])


def _glance(
    entry_id: str,
    _s: str, seq: str, _f: str, index: str, _q: str, _inventory: str, _b: str, bid: str,
    _a: str, ask: str, _m: str, mark: str, _mid: str, _mid_px: str, _w: str, why: str,
    _h: str, halt: str,
) -> Glance:  # fmt: skip
    # In the order in which lua/ticks.lua writes them: a dict of each took half of a scan's time.
    return Glance(
        entry_id, int(seq), int(index), int(bid), int(ask), int(mark), _halt(halt), why == CANDLE
    )


@cache
def _halt(text: str) -> Halt:
    # To make a flag costs more than all the numbers beside it, and there are 64 of them.
    return Halt(int(text))
