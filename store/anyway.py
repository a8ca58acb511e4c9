"""Writes that Redis carries out however full it is.

A Redis that is at `maxmemory` when it starts has to be put back all the same, or nothing would ever
empty it. Plain commands that need room are refused then, and so is each within MULTI.
Source: docs/decisions/0023.
"""

from collections.abc import Iterable
from typing import Any

import redis

from .lua import LuaScript

_SCRIPT = LuaScript("write_anyway")

Write = tuple[str, ...]
"""A command that writes: its name, its key, and what follows."""


def write_anyway(client: redis.Redis, writes: Iterable[Write]) -> list[Any]:
    """What Redis says to *writes*, in their order, sent as one pipeline.

    A key that is written to loses its time to live; EXPIRE may follow.
    """
    return _SCRIPT.run_all(client, [([key], [name, *rest]) for name, key, *rest in writes])


def hset(key: str, fields: dict[str, str]) -> Write:
    """The write that sets *fields* of a hash."""
    return ("HSET", key, *(text for pair in fields.items() for text in pair))
