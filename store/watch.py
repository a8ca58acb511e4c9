"""The watch: up to which tick all open positions of each club have been dealt with.

It moves on only for the holder of `lease:stop-watcher`, and only over ticks that concern nobody or
whose positions have been scanned; see lua/stops_due.lua.
Source: docs/market.md, "What closes a position".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from ..domain.ids import InstrumentIdx
from ..domain.refusals import Refused
from ..domain.scanning import Cursor
from . import wire
from .keys import Keys
from .lua import KERNEL, LuaScript
from .position_calls import WATCHER_LEASE

TICKS = 1000  #: looked at by one run of the script: some milliseconds of Redis


@dataclass(frozen=True, slots=True)
class Passed:
    """The watch has passed *ticks* that concerned nobody; *more* if there may be others."""

    ticks: int
    more: bool


@dataclass(frozen=True, slots=True)
class Due:
    """Positions to be scanned before the watch may pass *upto*."""

    upto: Cursor
    positions: tuple[str, ...]


Look = Passed | Due | Refused


class Watch:
    """The watch over all clubs of one Redis."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._stops_due = LuaScript("stops_due", KERNEL)

    def newest(self) -> dict[InstrumentIdx, int]:
        """All clubs there are, each with the number of its last tick."""
        members: Any = self._redis.smembers(self._keys.instruments)
        clubs = [InstrumentIdx(idx) for idx in sorted(map(int, members))]
        pipeline = self._redis.pipeline(transaction=False)
        for idx in clubs:
            pipeline.hget(self._keys.inst(idx), "seq")
        return {idx: int(seq or 0) for idx, seq in zip(clubs, pipeline.execute(), strict=True)}

    def look(
        self, dealt_with: Mapping[InstrumentIdx, Cursor | None], owner: str, token: int
    ) -> dict[InstrumentIdx, Look]:
        """What comes next in each of some clubs, asked for in one round trip.

        Args:
            dealt_with: the tick that everybody has been scanned up to, where there was need.
            owner: of the lease, with its fencing *token*; another one is refused (FENCED).
        """
        calls = [
            (
                [
                    self._keys.watch(idx),
                    self._keys.ticks(idx),
                    self._keys.lease(WATCHER_LEASE),
                    *self._keys.trig(idx),
                ],
                [owner, str(token), str(TICKS), *_spelled(upto)],
            )
            for idx, upto in dealt_with.items()
        ]
        replies = map(_look, self._stops_due.run_all(self._redis, calls))
        return dict(zip(dealt_with, replies, strict=True))


def _spelled(upto: Cursor | None) -> tuple[str, str]:
    return (upto.tick_id, str(upto.seq)) if upto else ("", "")


def _look(reply: Any) -> Look:
    match reply:
        case ["ok", ticks, more]:
            return Passed(int(ticks), more == "1")
        case ["due", tick_id, seq, *positions]:
            return Due(Cursor(tick_id, int(seq)), tuple(positions))
        case _:
            return wire.refusal_of(reply)
