"""What most tests stand on: a patched process, and servers that are really Valkey and PostgreSQL.

One pair of embedded servers serves the whole run; each test finds them empty.
Tests marked `external` run once more on the servers named by
TOUCHLINE_TEST_DATABASE_URL and TOUCHLINE_TEST_REDIS_URL, where both are set.
"""

# ruff: noqa: E402 - patching comes first

from gevent import monkey

monkey.patch_all()  # before anything that holds a socket, a lock or a thread is imported

import os
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from uuid import uuid4

import psycopg2
import pytest
import redis as redis_module
from hypothesis import HealthCheck, settings
from psycopg2.extensions import make_dsn
from touchline.issuer.server import Issuer
from touchline.store.embedded import Addresses, Embedded
from touchline.store.postgres import Postgres, install_wait_callback
from touchline.store.redis_client import open_redis
from touchline.store.schema import apply_schema
from touchline.store.sequence import FactSequence

from tests import leaks
from tests.fakes.bookkeeping import Books

EXTERNAL_DATABASE = "TOUCHLINE_TEST_DATABASE_URL"
EXTERNAL_REDIS = "TOUCHLINE_TEST_REDIS_URL"
EXTERNAL_REDIS_DB = 15  #: emptied by every test; the others are left alone

# How long an example takes says nothing but how busy the machine is; and tests that share stores
# between examples empty them for each.
settings.register_profile(
    "touchline",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("touchline")
settings.register_profile("thorough", max_examples=3000)  # where a test asks for it

install_wait_callback()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(leaks, "tests.leaks")
    config.addinivalue_line("markers", "long: a fault that takes minutes; make long-test runs it")
    config.addinivalue_line(
        "markers", "external: runs on the external test servers too, where they are given"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.get_closest_marker("external") is not None
    if marked and "servers" in metafunc.fixturenames:
        given = EXTERNAL_DATABASE in os.environ and EXTERNAL_REDIS in os.environ
        kinds = ["embedded", "external"] if given else ["embedded"]
        metafunc.parametrize("servers", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def embedded_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The embedded pair with the schema; without fsync, for its data die with the run."""
    with Embedded(tmp_path_factory.mktemp("servers"), fsync=False) as running:
        _with_schema(running.database_url)
        yield running.addresses


@pytest.fixture(scope="session")
def external_servers() -> Iterator[Addresses]:
    """A database of this run's own on the external PostgreSQL, and db 15 of the Redis."""
    name = f"touchline_test_{os.getpid()}"
    base = os.environ[EXTERNAL_DATABASE]
    execute(base, f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    try:
        database_url = make_dsn(base, dbname=name)
        _with_schema(database_url)
        # The first db= of the query wins over every other place where a URL names one.
        address, _, query = os.environ[EXTERNAL_REDIS].partition("?")
        yield Addresses(f"{address}?db={EXTERNAL_REDIS_DB}&{query}", database_url)
    finally:
        execute(base, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Addresses:
    """Addresses of the servers this test runs on."""
    kind = getattr(request, "param", "embedded")
    addresses: Addresses = request.getfixturevalue(f"{kind}_servers")
    return addresses


@pytest.fixture(scope="session")
def _redis_client(servers: Addresses) -> Iterator[redis_module.Redis]:
    client = open_redis(servers.redis_url, role="tests")
    yield client
    client.flushdb()
    client.close()


@pytest.fixture(scope="session")
def _pg_pool(servers: Addresses) -> Iterator[tuple[Postgres, Callable[[], None]]]:
    pool = Postgres(servers.database_url, role="tests")
    yield pool, _emptier(pool)
    pool.close()


@pytest.fixture
def redis(_redis_client: redis_module.Redis) -> redis_module.Redis:
    """A client (text in, text out) on an empty Redis."""
    _redis_client.flushdb()
    return _redis_client


@pytest.fixture
def pg(_pg_pool: tuple[Postgres, Callable[[], None]]) -> Postgres:
    """A pool on a database that holds the schema and the treasury, user 0, and nothing else."""
    pool, empty = _pg_pool
    empty()
    return pool


@pytest.fixture
def books(redis: redis_module.Redis, pg: Postgres) -> Books:
    """Users with money and clubs, all of it in Postgres."""
    books = Books(redis, pg)
    books.drain().everything()
    return books


@pytest.fixture
def sequence(books: Books) -> FactSequence:
    """The streams of *books*."""
    return FactSequence(books.redis, books.keys)


@pytest.fixture
def stores(
    _redis_client: redis_module.Redis, _pg_pool: tuple[Postgres, Callable[[], None]]
) -> Callable[[], tuple[redis_module.Redis, Postgres]]:
    """Both of the above, empty again with every call; for a test of many examples."""

    def emptied() -> tuple[redis_module.Redis, Postgres]:
        pool, empty = _pg_pool
        _redis_client.flushdb()
        empty()
        return _redis_client, pool

    return emptied


@pytest.fixture
def empty_database(servers: Addresses) -> Iterator[str]:
    """The address of a database without any table."""
    name = f"touchline_test_{uuid4().hex}"
    execute(servers.database_url, f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    yield make_dsn(servers.database_url, dbname=name)
    execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _with_schema(database_url: str) -> None:
    pool = Postgres(database_url, size=1)
    apply_schema(pool)
    pool.close()


def _emptier(pool: Postgres) -> Callable[[], None]:
    """Return a function that empties all tables, in an order their references allow.

    DELETE takes 1 ms on empty tables where TRUNCATE takes 50.
    """
    statement = "; ".join(
        f"DELETE FROM {table}" + (" WHERE id <> 0" if table == "users" else "")
        for table in _tables_by_reference(pool)
        if table != "schema_files"
    )

    def empty() -> None:
        with pool.transaction() as cursor:
            cursor.execute(statement)

    return empty


def _tables_by_reference(pool: Postgres) -> list[str]:
    """All tables, each one before those it refers to."""
    with pool.transaction() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        order = TopologicalSorter({name: set() for (name,) in cursor.fetchall()})
        cursor.execute(
            "SELECT confrelid::regclass::text, conrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid <> confrelid AND conparentid = 0"
        )
        for referred, referring in cursor.fetchall():
            order.add(referred, referring)
    return list(order.static_order())


def execute(database_url: str, statement: str) -> None:
    """Run what no transaction may hold, such as CREATE DATABASE."""
    connection = psycopg2.connect(database_url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A stand-in for Google that answers."""
    issuer = Issuer()
    issuer.start()
    yield issuer
    issuer.stop()
