"""Subscriptions to one channel, or to one pattern of channels, for actors that wait for a word.

Pub/sub is lossy: whoever is woken looks at the state itself, and from time to time unasked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import redis

from ..domain.ids import InstrumentIdx, UserId
from .keys import PRICE_CHANNELS, USER_RECONNECT
from .pubsub import heard

T = TypeVar("T")

#: Seconds the doorbell rests once it has told of all there is. With hundreds of prices a second
#: whoever is woken then looks fifty times, and not once for each; a price alone waits for
#: nothing.
REST_S = 0.02


class Listening(Generic[T]):
    """A subscription to *pattern*, with a connection of its own from `open` to `close`.

    After an error it is useless: close it and open a new one.
    """

    def __init__(
        self,
        client: redis.Redis,
        pattern: str,
        read: Callable[[dict[str, str]], T],
        rest_s: float = 0.0,
    ) -> None:
        """Take *read*, which says what a message (with `channel` and `data`) is about.

        After all that has come together, `messages` sleeps for *rest_s* before it reads on.
        """
        self._redis = client
        self._pattern = pattern
        self._read = read
        self._rest_s = rest_s
        self._pubsub: Any = None  # redis-py leaves PubSub's methods untyped

    def open(self) -> None:
        """Subscribe. Raises an outage of Redis."""
        self._pubsub = self._redis.pubsub()  # type: ignore[no-untyped-call]  # redis-py
        self._pubsub.psubscribe(self._pattern)

    def messages(self) -> Iterator[T]:
        """What is published, for ever. Raises an outage of Redis, also if it falls silent."""
        for message in heard(self._pubsub):
            yield from self._read_of(message)
            if self._rest_s:
                while (more := self._pubsub.get_message(timeout=0.0)) is not None:
                    yield from self._read_of(more)
                time.sleep(self._rest_s)

    def _read_of(self, message: dict[str, str]) -> Iterator[T]:
        if message["type"] == "pmessage":
            yield self._read(message)

    def close(self) -> None:
        """Give the connection back; also after an error, also if never opened."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None


def doorbell(client: redis.Redis) -> Listening[InstrumentIdx]:
    """Clubs whenever they have a new price; what it is does not matter here."""
    return Listening(
        client,
        PRICE_CHANNELS,
        lambda message: InstrumentIdx(int(message["channel"].rpartition(":")[2])),
        REST_S,
    )


def returns(client: redis.Redis) -> Listening[UserId]:
    """Users whenever their first connection anywhere comes up."""
    return Listening(client, USER_RECONNECT, lambda message: UserId(int(message["data"])))
