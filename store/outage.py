"""The exceptions that mean "something we depend on is away", never "our code is wrong".

The supervisor waits these out with backoff and does not count them as
restarts, so a name belongs here only if doing the same thing again later can
succeed without anybody changing the program.
"""

import psycopg2
import psycopg2.errors
import redis.exceptions as redis_errors


class FeedUnavailable(Exception):
    """The match feed cannot be reached, refuses us for now, or answers nonsense."""


class CannotWrite(redis_errors.ResponseError):
    """Redis takes no writes for now: its disk is full or broken, or it lacks replicas."""


class PoolTimeout(psycopg2.OperationalError):  # type: ignore[misc]  # psycopg2 is untyped
    """No Postgres connection became free in time: the database is slow or the pool is small."""


OUTAGES: tuple[type[Exception], ...] = (
    # Refused, cut, BusyLoading and "max number of clients" are all subclasses.
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    # A failover in progress: the server we talk to is a replica now.
    redis_errors.ReadOnlyError,
    redis_errors.MasterDownError,
    redis_errors.ClusterDownError,
    redis_errors.TryAgainError,
    # Full memory refuses the writing commands until somebody makes room.
    redis_errors.OutOfMemoryError,
    CannotWrite,
    # Connection loss, admin shutdown, "starting up", statement timeout,
    # deadlock and serialisation failures, disk full, too many connections.
    psycopg2.OperationalError,
    # The same failover: a standby, or a server that its keeper has put to read-only.
    psycopg2.errors.ReadOnlySqlTransaction,
    # The same loss as seen by the next call on the connection it closed.
    psycopg2.InterfaceError,
)
"""What every supervisor is given as its outages; the feed's own is added by its service."""


def one_line(outage: Exception) -> str:
    """*outage* for people: its type and the first line of what it says."""
    return f"{type(outage).__name__}: {outage}".splitlines()[0]
