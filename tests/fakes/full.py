"""A Redis that is full."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis


@contextmanager
def full(client: redis.Redis) -> Iterator[None]:
    """Redis has less memory than it uses."""
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)
