"""Outages are what waiting can mend; a mistake of ours is never one."""

import psycopg2
import pytest
import redis.exceptions as redis_errors
from psycopg2 import errors as postgres_errors
from touchline.store.outage import OUTAGES, FeedUnavailable, PoolTimeout


@pytest.mark.parametrize(
    "kind",
    [
        redis_errors.ConnectionError,
        redis_errors.TimeoutError,
        redis_errors.BusyLoadingError,
        redis_errors.ReadOnlyError,
        redis_errors.OutOfMemoryError,
        psycopg2.OperationalError,
        postgres_errors.AdminShutdown,
        postgres_errors.CannotConnectNow,
        postgres_errors.TooManyConnections,
        postgres_errors.DiskFull,
        postgres_errors.QueryCanceled,
        postgres_errors.DeadlockDetected,
        postgres_errors.SerializationFailure,
        postgres_errors.ReadOnlySqlTransaction,
        PoolTimeout,
    ],
)
def test_it_is_an_outage(kind):
    assert issubclass(kind, OUTAGES)


@pytest.mark.parametrize(
    "kind",
    [
        redis_errors.ResponseError,
        redis_errors.NoScriptError,
        redis_errors.DataError,
        postgres_errors.UniqueViolation,
        postgres_errors.CheckViolation,
        postgres_errors.SyntaxError,
        postgres_errors.UndefinedColumn,
        psycopg2.ProgrammingError,
        psycopg2.DataError,
        AssertionError,
        OSError,
    ],
)
def test_it_is_a_bug(kind):
    assert not issubclass(kind, OUTAGES)


def test_the_feed_is_an_outage_only_for_those_who_say_so():
    assert not issubclass(FeedUnavailable, OUTAGES)
