"""Lives of Redis: what was read in one that is over does not reach Postgres any more.

Each time Redis is put back after a restart, a new life of it begins. Its number is an epoch: the
upper half of the treasury's version, and so of the version that every fact has of the treasury.
Postgres knows the number too, and facts, states and results of matches that are written there are
shown the life in which Redis said them. So nobody who was frozen meanwhile, and nobody who still
talks to a Redis that a failover has left behind, writes down what the living one knows nothing of.
Candles alone are not: they tell which prices were quoted, also of such as are lost.
Source: docs/decisions/0022.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ..domain.ids import TREASURY
from .keys import Keys
from .postgres import Postgres
from .refusals import Cursor

EPOCH_BITS = 32  #: a version is epoch * 2^32 + n
SHOW = "SELECT in_life(%s)"  #: the first statement of a transaction; see `superseded`
_LOCK_ID = 7_300_002  #: as in schema.sql
_SUPERSEDED = "TL001"


class Superseded(RedisConnectionError):
    """Redis has been put back since it said this: an outage like any other."""


def life_of(version: int) -> int:
    """The life of Redis in which *version* was given."""
    return version >> EPOCH_BITS


def life_of_redis(client: redis.Redis, keys: Keys) -> int:
    """The life that Redis itself believes to be in."""
    version: Any = client.hget(keys.wallet(TREASURY), "v")
    return life_of(int(version or 0))


def life_in_postgres(pg: Postgres) -> int:
    """The life that Postgres lets write."""
    with pg.transaction() as cursor:
        cursor.execute("SELECT coalesce(max(token), 0) FROM fence WHERE name = 'redis'")
        return int(cursor.fetchone()[0])


def begin_life(pg: Postgres, above: int) -> int:
    """The number of a new life, higher than *above* and than all before it.

    Whoever is writing in an earlier one has finished when this returns.
    """
    with pg.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_ID,))
        cursor.execute(
            "SELECT setval('redis_epoch', greatest(nextval('redis_epoch'), %s, (SELECT token + 1"
            " FROM fence WHERE name = 'redis')))",
            (above + 1,),
        )
        life = int(cursor.fetchone()[0])
        cursor.execute(
            "INSERT INTO fence (name, token) VALUES ('redis', %s)"
            " ON CONFLICT (name) DO UPDATE SET token = excluded.token",
            (life,),
        )
        return life


def complete_life(pg: Postgres) -> int:
    """The last life of which Postgres knows that Redis was complete in it; 0 if none was."""
    with pg.transaction() as cursor:
        cursor.execute("SELECT coalesce(max(token), 0) FROM fence WHERE name = 'redis complete'")
        return int(cursor.fetchone()[0])


def note_complete(pg: Postgres, life: int) -> None:
    """Note that Redis is complete in *life*, and that all facts of those before it are here.

    Nothing is noted if a later one has begun: that may have begun without what is in this one.
    """
    with pg.transaction() as cursor:
        cursor.execute(
            "INSERT INTO fence (name, token)"
            " SELECT 'redis complete', token FROM fence WHERE name = 'redis' AND token = %s"
            " ON CONFLICT (name) DO UPDATE SET token = greatest(fence.token, excluded.token)",
            (life,),
        )


def show_life(cursor: Cursor, life: int) -> None:
    """Go on only if *life* is not over, and keep the next from beginning until the commit.

    Raises:
        Superseded: it is over.
    """
    with superseded():
        cursor.execute(SHOW, (life,))


@contextmanager
def superseded() -> Iterator[None]:
    """Turn the answer of Postgres to a life that is over into `Superseded`."""
    try:
        yield
    except psycopg2.DatabaseError as error:
        if error.pgcode != _SUPERSEDED:
            raise
        raise Superseded(str(error).partition("\n")[0]) from error
