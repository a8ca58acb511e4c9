"""Scripts of the package's `lua/` folder, run by digest and loaded when Redis lacks them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import redis
from redis.exceptions import NoScriptError, OutOfMemoryError

from .redis_client import raw_replies, reply_or_error

KERNEL = "kernel"  #: numbers, refusals, pushes
WALLETS = "wallets"  #: money and what is set aside of it; needs the kernel
MARKET = "market"  #: prices and limits; needs the kernel
TICKS = "ticks"  #: publishing a price; needs the two
RULES = "rules"  #: what operators want; needs the three
POSITIONS = "positions"  #: CFD positions; needs the kernel
BREACHES = "breaches"  #: what ticks do to positions; needs those
EVENTS = "events"  #: what happens to positions; needs all before it

Call = tuple[Sequence[str], Sequence[str]]
"""KEYS and ARGV of one run."""


class LuaScript:
    """The script ``lua/{name}.lua`` with *preludes* before it."""

    def __init__(self, name: str, *preludes: str) -> None:
        self._source = "\n".join(map(_read, (*preludes, name)))
        # A name for the text, as Redis computes it; not a safeguard.
        self.sha = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: redis.Redis, keys: Sequence[str], args: Sequence[str]) -> Any:
        """The script's reply to one call."""
        return self.run_all(client, [(keys, args)])[0]

    def run_all(self, client: redis.Redis, calls: Sequence[Call]) -> list[Any]:
        """The replies to *calls*, in their order; see the function of this name."""
        return run_all(client, [(self, call) for call in calls])

    def load(self, client: redis.Redis) -> None:
        """Have Redis know the script."""
        client.script_load(self._source)


def run_all(
    client: redis.Redis, calls: Sequence[tuple[LuaScript, Call]], *, if_full: Any = None
) -> list[Any]:
    """The replies to *calls*, of whichever scripts, in their order, sent as one pipeline.

    Calls of a script that Redis had lost run after the others.

    Args:
        if_full: stands for a script that Redis refused because it is full, and which therefore
            has changed nothing; without it that is an error.

    Raises:
        redis.RedisError: the connection broke (any of the calls may have run), or a call
            failed; then all of the others have run.
    """
    replies = _send(client, calls)
    missing = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if missing:
        # Those that found no script did nothing, so they can be sent again.
        for script in dict.fromkeys(calls[n][0] for n in missing):
            script.load(client)
        again = _send(client, [calls[n] for n in missing])
        for n, reply in zip(missing, again, strict=True):
            replies[n] = reply
    for n, reply in enumerate(replies):
        if isinstance(reply, OutOfMemoryError) and if_full is not None:
            replies[n] = if_full
        elif isinstance(reply, Exception):
            raise reply
    return replies


def run_ahead(
    client: redis.Redis, batches: Iterable[Sequence[tuple[LuaScript, Call]]]
) -> Iterator[list[Any]]:
    """The replies to each of *batches*, in their order, on one connection.

    A batch is sent before the one before it has answered, so Redis and we work at the same time.

    Raises:
        redis.RedisError: as `run_all`; also if Redis has lost a script. Calls of the batch and of
            the next one may have run.
    """
    connection: Any = client.connection_pool.get_connection()
    waiting: deque[int] = deque()
    try:
        for batch in batches:
            _send_on(connection, batch)
            waiting.append(len(batch))
            if len(waiting) > 1:
                yield _replies(connection, waiting)
        while waiting:
            yield _replies(connection, waiting)
    finally:
        if waiting:
            connection.disconnect()  # replies to nobody are on their way
        client.connection_pool.release(connection)


def _replies(connection: Any, waiting: deque[int]) -> list[Any]:
    replies = [reply_or_error(connection) for _ in range(waiting[0])]
    waiting.popleft()
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _send(client: redis.Redis, calls: Sequence[tuple[LuaScript, Call]]) -> list[Any]:
    return raw_replies(client, _commands(calls))


def _send_on(connection: Any, calls: Sequence[tuple[LuaScript, Call]]) -> None:
    connection.send_packed_command(connection.pack_commands(_commands(calls)))


def _commands(calls: Sequence[tuple[LuaScript, Call]]) -> list[tuple[str, ...]]:
    return [("EVALSHA", script.sha, str(len(keys)), *keys, *args) for script, (keys, args) in calls]


@cache  # who makes a `Scripts` of its own has the texts that this process began with
def _read(name: str) -> str:
    return (files("touchline") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
