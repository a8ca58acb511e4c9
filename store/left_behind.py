"""A Redis that comes back after Postgres has gone on with another, or with it as it was earlier.

Each time Redis was put back, and before anybody trades there, Postgres notes that life as complete.
By then it has every fact of the lives before that the Redis which was put back still had; what that
one had lost has not happened, and its numbers were given to others. So a Redis that is in an
earlier life than the last complete one knows nothing that Postgres lacks, but much that has not
happened: an old primary, or a volume that was not mounted at the last start. It is emptied, and put
back like any that comes back empty.
Source: docs/decisions/0033.
"""

from collections.abc import Callable, Sequence
from typing import Any

import redis
import structlog

from ..domain.ids import TREASURY
from .gate import Rehydrating
from .keys import Keys, OutboxName
from .life import complete_life, life_of
from .lua import LuaScript
from .postgres import Postgres

CHUNK = 1000  #: keys in one round trip

_EMPTY = LuaScript("left_behind_empty")

log = structlog.get_logger(__name__)


def empty_if_left_behind(
    client: redis.Redis, keys: Keys, pg: Postgres, may_go_on: Callable[[], None]
) -> bool:
    """Take from Redis all that happened in it, if Postgres has gone on without it; whether so.

    Who dies halfway leaves it as one that is still to be emptied.

    Raises:
        Rehydrating: somebody else has emptied it meanwhile.
    """
    # Postgres first: what is complete there has been entered in Redis, so one that is in an earlier
    # life when it is read later has come back from before.
    complete = complete_life(pg)
    version: Any = client.hget(keys.wallet(TREASURY), "v")
    if version is None or life_of(int(version)) >= complete:
        return False
    waiting = {name.value: client.xlen(keys.outbox(name)) for name in OutboxName}
    log.error(
        "redis is in a life that postgres has gone on from, and is emptied",
        life=life_of(int(version)),
        complete=complete,
        facts=waiting,
    )
    _empty(client, keys, complete, may_go_on)
    return True


def _empty(client: redis.Redis, keys: Keys, complete: int, may_go_on: Callable[[], None]) -> None:
    treasury, chunk = keys.wallet(TREASURY), list[str]()
    for name in client.scan_iter(f"{keys.tag}*", count=CHUNK):
        if keys.tells_history(name) and name != treasury:
            chunk.append(name)
        if len(chunk) == CHUNK:
            may_go_on()
            _take(client, treasury, chunk, complete)
            chunk.clear()
    # The treasury at the end: by it the next one knows that this is not done.
    _take(client, treasury, [*chunk, treasury], complete)


def _take(client: redis.Redis, treasury: str, names: Sequence[str], complete: int) -> None:
    """Delete *names* from the Redis that was left behind, and from no other.

    Raises:
        Rehydrating: it is another by now. Who stood still may find what a rival has put back, and
            people trading there.
    """
    if not _EMPTY.run(client, [treasury, *names], [str(complete)]):
        raise Rehydrating("another process has emptied Redis")
