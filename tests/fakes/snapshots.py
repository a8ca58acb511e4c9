"""What a Redis has at one moment, and back to it: as one that restarts with less."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis as redis_module

Snapshot = Mapping[str, tuple[bytes, int]]
"""Every key, whole, with its time to live in ms; streams keep the id they were at."""


def take(redis: redis_module.Redis) -> Snapshot:
    """Everything there is, and has not expired by now."""
    names: list[Any] = sorted(redis.scan_iter(count=1000))
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.dump(name)
            pipe.pttl(name)
        replies = pipe.execute()
    there = zip(names, replies[::2], replies[1::2], strict=True)
    # With 0 ms left it would be put back for ever.
    return {name: (dumped, left_ms) for name, dumped, left_ms in there if dumped and left_ms}


def put(redis: redis_module.Redis, snapshot: Snapshot) -> None:
    """This and nothing else."""
    with redis.pipeline(transaction=True) as pipe:
        pipe.flushdb()
        for name, (dumped, left_ms) in snapshot.items():
            pipe.restore(name, max(0, left_ms), dumped)
        pipe.execute()
