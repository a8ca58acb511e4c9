"""Moves the index of clubs that nothing else moves, in the name of whoever reads the feed."""

from __future__ import annotations

import time

import redis as redis_module
from touchline.domain.ids import InstrumentIdx
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Indexed
from touchline.store.keys import Keys
from touchline.store.scripts import Scripts

from .waiting import eventually

KEYS = Keys()
NEXT_S = 30.0  #: until another has the lease of one that is dead


class Index:
    """Writes ticks as the holder of the scheduler's lease does, whether or not that one runs."""

    def __init__(self, client: redis_module.Redis) -> None:
        self._redis, self._scripts = client, Scripts(client, KEYS)

    def move(self, club: int, *bps: int) -> list[Indexed]:
        """One tick each; the prices are there before anything else happens."""
        lease = KEYS.lease("scheduler")
        owner = eventually(lambda: self._redis.get(lease), NEXT_S, lambda: "nobody reads the feed")
        idx = InstrumentIdx(club)
        changes = [
            IndexChange(idx=idx, now_ms=time.time_ns() // 1_000_000, offset_bps=each)
            for each in bps
        ]
        moved = self._scripts.index_apply_all(changes, lease, str(owner))
        assert all(isinstance(each, Indexed) for each in moved)
        return moved  # type: ignore[return-value]
