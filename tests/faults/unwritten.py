"""What Redis has at one moment, and how a test knows that Postgres has all of it."""

from __future__ import annotations

from typing import Any

import redis as redis_module
from touchline.store.keys import Keys, OutboxName, State

KEYS = Keys()


class Unwritten:
    """The facts and the states that Postgres may not have at this moment; it grows no more.

    The flusher's own word that nothing is left is of its last flush: what was made since is not in
    it. A fact is in its stream from the moment it was made until it is in Postgres, and a state is
    marked dirty as long; so nothing is missed here, and others may go on trading meanwhile.
    """

    def __init__(self, client: redis_module.Redis) -> None:
        self._redis = client
        self._facts = {name: self._last(KEYS.outbox(name)) for name in OutboxName}
        self._states = {state: self._dirty(state) for state in State}

    def is_written(self) -> bool:
        """Whether Postgres has it all by now, or has refused it and said so."""
        for state, members in self._states.items():
            members &= self._dirty(state)  # who is marked again later was written in between
        waiting = any(
            self._redis.xrange(KEYS.outbox(name), max=last, count=1)
            for name, last in self._facts.items()
        )
        return not waiting and not any(self._states.values())

    def _last(self, stream: str) -> str:
        found: Any = self._redis.xrevrange(stream, count=1)
        return str(found[0][0]) if found else "0-0"

    def _dirty(self, state: State) -> set[str]:
        members: Any = self._redis.smembers(KEYS.dirty(state))
        return set(members)
