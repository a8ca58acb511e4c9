"""Ticks as the scanner reads them: in pages, and no more of each than can concern a position."""

from functools import cache
from typing import Any

import redis

from ..domain.halts import Halt
from ..domain.ids import InstrumentIdx
from ..domain.scanning import Cursor, Stretch
from ..domain.ticks import Glance
from .keys import Keys

PAGE = 1000  #: ticks in one read; some milliseconds for Redis, and for whoever decodes them


class Stretches:
    """The tick streams of one Redis."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def read(self, idx: InstrumentIdx, after: Cursor, upto: Cursor) -> Stretch:
        """The next ticks of *idx* after one tick and up to another, `PAGE` at the most."""
        entries: Any = self._redis.xrange(
            self._keys.ticks(idx), f"({after.tick_id}", upto.tick_id, count=PAGE
        )
        return Stretch(
            [
                Glance(
                    entry_id,
                    int(tick["s"]),
                    int(tick["f"]),
                    int(tick["b"]),
                    int(tick["a"]),
                    int(tick["m"]),
                    _halt(tick["h"]),
                )
                for entry_id, tick in entries
            ]
        )


@cache
def _halt(text: str) -> Halt:
    # To make a flag costs more than all the numbers beside it, and there are 64 of them.
    return Halt(int(text))
