"""The Postgres pool: it waits under gevent, and hands out only connections that work."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gevent
import psycopg2
import pytest
from gevent.event import Event
from touchline.store.embedded import Addresses
from touchline.store.outage import OUTAGES, PoolTimeout
from touchline.store.postgres import Postgres

pytestmark = pytest.mark.external


@pytest.fixture
def pool(servers: Addresses, pg: Postgres) -> Iterator[Postgres]:
    """Two connections, and little patience."""
    pool = Postgres(servers.database_url, size=2, wait_s=2.0, role="pool-under-test")
    yield pool
    pool.close()


def add_league(cursor, number: int) -> None:
    cursor.execute("INSERT INTO leagues (id, name) VALUES (%s, 'League')", (number,))


def leagues(pg: Postgres) -> list[int]:
    with pg.transaction() as cursor:
        cursor.execute("SELECT id FROM leagues ORDER BY id")
        return [number for (number,) in cursor.fetchall()]


def backend(cursor) -> int:
    return cursor.connection.info.backend_pid


def test_a_transaction_that_ends_well_is_committed(pool, pg):
    with pool.transaction() as cursor:
        add_league(cursor, 1)

    assert leagues(pg) == [1]


def test_every_statement_is_committed_by_itself(pool, pg):
    with pool.statement() as cursor:
        add_league(cursor, 1)
        with pytest.raises(psycopg2.IntegrityError):
            add_league(cursor, 1)

    assert leagues(pg) == [1]


def test_a_connection_that_ran_a_statement_runs_transactions_again(pool, pg):
    seen = []
    with pool.statement() as cursor:
        seen.append(backend(cursor))
        cursor.execute("SELECT 1")

    with pytest.raises(Bug):
        add_league_and_fail(pool, seen)

    assert seen[0] == seen[1]
    assert leagues(pg) == []


class Bug(Exception):
    """Something our own code raises halfway."""


def add_league_and_fail(pool: Postgres, seen: list[int]) -> None:
    with pool.transaction() as cursor:
        seen.append(backend(cursor))
        add_league(cursor, 1)
        raise Bug


def add_league_twice(pool: Postgres, seen: list[int]) -> None:
    with pool.transaction() as cursor:
        seen.append(backend(cursor))
        add_league(cursor, 1)
        add_league(cursor, 1)


@pytest.mark.parametrize(
    ("work", "error"),
    [(add_league_and_fail, Bug), (add_league_twice, psycopg2.errors.UniqueViolation)],
)
def test_a_transaction_that_raises_is_rolled_back_and_its_connection_used_again(
    pool, pg, work, error
):
    seen = []

    with pytest.raises(error):
        work(pool, seen)

    assert leagues(pg) == []
    with pool.transaction() as cursor:
        assert [backend(cursor)] == seen


def test_a_query_that_waits_stops_no_other_greenlet(pool):
    # If it did, nobody could ever release the lock it waits for.
    with pool.transaction() as holder:
        holder.execute("SELECT pg_advisory_xact_lock(1)")

        def wait_for_the_lock() -> int:
            with pool.transaction() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(1)")
                return 1

        waiter = gevent.spawn(wait_for_the_lock)
        waiting = 0
        while not waiting:
            holder.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (waiting,) = holder.fetchone()

    assert waiter.get(timeout=5) == 1


def test_a_greenlet_waits_for_a_free_connection(pool):
    opened = []
    with pool.transaction() as first, pool.transaction():
        taken = backend(first)

        def third() -> None:
            with pool.transaction() as cursor:
                opened.append(backend(cursor))

        waiter = gevent.spawn(third)
        gevent.idle()
        assert opened == []

    waiter.get(timeout=5)
    assert opened == [taken]


def test_waiting_for_a_free_connection_ends_as_an_outage(servers):
    pool = Postgres(servers.database_url, size=1, wait_s=0.01)

    with pool.transaction(), pytest.raises(PoolTimeout), pool.transaction():
        pass

    assert issubclass(PoolTimeout, OUTAGES)
    pool.close()


def test_the_connection_returned_last_is_used_first(pool):
    with pool.transaction() as first:
        with pool.transaction():
            pass
        last = backend(first)

    with pool.transaction() as cursor:
        assert backend(cursor) == last


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_unseen(pool, pg):
    with pool.transaction() as cursor:
        closed = backend(cursor)
    with pg.transaction() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (closed,))

    with pool.transaction() as cursor:
        cursor.execute("SELECT 1")

        assert backend(cursor) != closed


def test_a_connection_lost_in_use_is_an_outage_and_the_next_works(pool, pg):
    def lose_it() -> None:
        with pool.transaction() as cursor:
            with pg.transaction() as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend(cursor),))
            cursor.execute("SELECT 1")

    with pytest.raises(OUTAGES):
        lose_it()

    assert leagues(pool) == []


def test_the_connection_of_a_killed_greenlet_is_not_used_again(pool, pg):
    inside, killed = Event(), []

    def work() -> None:
        with pool.transaction() as cursor:
            add_league(cursor, 1)
            killed.append(backend(cursor))
            inside.set()
            Event().wait()

    worker = gevent.spawn(work)
    inside.wait(timeout=5)
    worker.kill()

    with pool.transaction() as cursor:
        assert backend(cursor) not in killed
    assert leagues(pg) == []


def test_a_statement_that_takes_too_long_is_an_outage(servers):
    pool = Postgres(servers.database_url, size=1, statement_timeout_s=0.05)

    with pytest.raises(OUTAGES), pool.transaction() as cursor:
        cursor.execute("SELECT pg_sleep(30)")

    pool.close()


def test_a_server_that_freezes_in_a_transaction_is_an_outage_all_the_same(servers):
    pool = Postgres(servers.database_url, size=1, statement_timeout_s=0.05)

    with pytest.raises(OUTAGES, match="no answer from Postgres"), pool.transaction() as cursor:
        # As if frozen: the server's own time-out is switched off.
        cursor.execute("SET LOCAL statement_timeout = 0; SELECT pg_sleep(20)")
    with pool.transaction() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    pool.close()


def test_one_transaction_may_be_given_more_time_than_the_pool(servers):
    pool = Postgres(servers.database_url, size=1, statement_timeout_s=0.05)

    with pool.transaction(longest_s=10) as cursor:
        cursor.execute("SELECT pg_sleep(0.2), 7")
        assert cursor.fetchone()[1] == 7
    pool.close()


def test_a_server_that_does_not_answer_is_an_outage_after_the_connect_timeout():
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(directory) / ".s.PGSQL.5432"))
        listener.listen()
        pool = Postgres(f"postgresql://user@/db?host={directory}", connect_timeout_s=0.05)

        with pytest.raises(OUTAGES, match="no connection to Postgres within"), pool.transaction():
            pass


def test_a_failed_connect_gives_its_place_back():
    pool = Postgres("postgresql://user@/db?host=/nowhere", size=1, wait_s=0.01)

    for _ in range(3):
        with pytest.raises(psycopg2.OperationalError, match="nowhere"), pool.transaction():
            pass


def test_closing_the_pool_closes_connections_in_use_when_they_come_back(pool):
    with pool.transaction() as cursor:
        connection = cursor.connection
        pool.close()
        cursor.execute("SELECT 1")

    assert connection.closed


def test_text_and_time_are_utf8_and_utc(pool):
    with pool.transaction() as cursor:
        cursor.execute("SELECT %s, current_setting('timezone')", ("Türkiye ⚽",))

        assert cursor.fetchone() == ("Türkiye ⚽", "UTC")
