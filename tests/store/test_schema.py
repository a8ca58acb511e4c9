"""schema.sql is applied to an empty database once, and to no other."""

from collections.abc import Iterator
from uuid import uuid4

import gevent
import psycopg2
import pytest
from psycopg2.extensions import make_dsn
from touchline.store.embedded import Addresses
from touchline.store.postgres import Postgres
from touchline.store.schema import SCHEMA_VERSION, SchemaMismatch, apply_schema

pytestmark = pytest.mark.external


@pytest.fixture
def empty(servers: Addresses) -> Iterator[Postgres]:
    """A database without any table."""
    name = f"touchline_test_{uuid4().hex}"
    connection = psycopg2.connect(servers.database_url)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    pool = Postgres(make_dsn(servers.database_url, dbname=name))
    yield pool
    pool.close()
    cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


def test_an_empty_database_gets_the_schema_once(empty):
    assert apply_schema(empty) is True
    assert apply_schema(empty) is False

    with empty.transaction() as cursor:
        cursor.execute("SELECT version FROM schema_version")
        assert cursor.fetchall() == [(SCHEMA_VERSION,)]
        cursor.execute("SELECT id FROM users")
        assert cursor.fetchall() == [(0,)]


def test_of_several_at_once_one_applies_and_the_others_find_it_done(empty):
    starts = [gevent.spawn(apply_schema, empty) for _ in range(4)]

    assert sorted(start.get(timeout=30) for start in starts) == [False, False, False, True]


def test_another_version_is_refused_and_left_as_it_is(empty):
    apply_schema(empty)
    with empty.transaction() as cursor:
        cursor.execute("UPDATE schema_version SET version = 99")

    with pytest.raises(SchemaMismatch, match=f"version 99, this Touchline needs {SCHEMA_VERSION}"):
        apply_schema(empty)


def test_a_database_of_somebody_else_is_refused_and_left_as_it_is(empty):
    with empty.transaction() as cursor:
        cursor.execute("CREATE TABLE theirs (id INT)")

    with pytest.raises(SchemaMismatch, match="not Touchline's"):
        apply_schema(empty)

    with empty.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (1,)
