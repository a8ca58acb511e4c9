"""What a sweep finds out about positions that Postgres has as open: how Redis has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from .keys import Keys, State


@dataclass(frozen=True, slots=True)
class Compared:
    """Positions open in Postgres, by how Redis has them.

    Attributes:
        missing: not there at all.
        closed: closed, though nothing is left that would bring that to Postgres; now it is.
    """

    missing: tuple[str, ...]
    closed: tuple[str, ...]


class Sweeping:
    """The positions of one Redis."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def compare(self, positions: Sequence[str]) -> Compared:
        """How Redis has *positions*; closed ones are marked dirty if they are not."""
        dirty = self._keys.dirty(State.POSITIONS)
        pipeline = self._redis.pipeline(transaction=False)
        for position_id in positions:
            # Marked before it is closed, and unmarked after Postgres has it; so asked first.
            pipeline.sismember(dirty, position_id)
            pipeline.hget(self._keys.pos(position_id), "qty")
        found = pipeline.execute()
        qty = dict(zip(positions, zip(found[::2], found[1::2], strict=True), strict=True))
        closed = [each for each, (marked, open_) in qty.items() if open_ == "0" and not marked]
        if closed:
            self._redis.sadd(dirty, *closed)
        missing = [each for each, (_, open_) in qty.items() if open_ is None]
        return Compared(tuple(missing), tuple(closed))
