"""What Redis files of each of some users, and what is filed there, as of one moment each."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import redis

from ..domain.ids import UserId

Read = Callable[[Any, UserId, set[str]], None]
"""Puts into a pipeline what is to be read of a user with these members; the set itself first."""


def moments(
    client: redis.Redis, users: Sequence[UserId], filed: Callable[[UserId], str], read: Read
) -> Iterator[tuple[UserId, set[str], list[Any]]]:
    """Of each user the members of the set *filed* at first, then the replies to what *read* asks.

    Which members to ask for has to be known before the moment; if the set is another one by then,
    the caller looks again.
    """
    with client.pipeline(transaction=False) as pipe:
        for user in users:
            pipe.smembers(filed(user))
        members = pipe.execute()
    sizes: list[int] = []
    with client.pipeline(transaction=True) as pipe:
        for user, ids in zip(users, members, strict=True):
            before = len(pipe)
            read(pipe, user, ids)
            sizes.append(len(pipe) - before)
        replies = iter(pipe.execute())
    for user, ids, size in zip(users, members, sizes, strict=True):
        yield user, ids, list(islice(replies, size))
