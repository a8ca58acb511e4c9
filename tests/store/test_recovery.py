"""Recovery: one of several processes puts Redis back, and the others let it."""

import contextlib
import time

import pytest
from touchline.store.gate import Rehydrating
from touchline.store.lease import Lease
from touchline.store.recovery import Recovery

from tests.fakes.bookkeeping import Books
from tests.fakes.failing import Meanwhile

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    """Books after some trading, everything in Postgres and nothing in Redis."""
    books = Books(redis, pg)
    books.some_trades()
    books.drain().everything()
    redis.flushdb()
    return books


def recovery_of(books, pg=None):
    return Recovery(books.redis, books.keys, pg or books.pg, monotonic=time.monotonic)


def taken_by_another(books):
    lease = Lease(books.redis, books.keys.lease("rehydrate"), monotonic=time.monotonic)
    assert lease.renew()
    return lease


def test_it_is_due_until_it_has_run(books):
    recovery = recovery_of(books)

    assert recovery.due()
    assert recovery.run()

    assert not recovery.due()
    assert books.hot.wallet(1).version > 0


def test_while_another_process_is_at_it_nothing_is_done(books):
    taken_by_another(books)

    assert recovery_of(books).run() is False

    assert books.hot.wallet(1).version == 0


def test_the_lease_is_given_back_at_the_end(books):
    recovery_of(books).run()

    assert taken_by_another(books).held()


def test_whoever_loses_the_lease_stops_and_does_not_open_the_gate(books):
    def taken_over():
        books.redis.delete(books.keys.lease("rehydrate"))
        taken_by_another(books)

    recovery = recovery_of(books, Meanwhile(books.pg, "transaction", taken_over))

    with pytest.raises(Rehydrating):
        recovery.run()

    assert recovery.due()
    assert books.hot.wallet(1).version == 0


@pytest.mark.parametrize("nth", range(6))
def test_a_redis_that_is_emptied_meanwhile_is_put_back_from_the_beginning(books, nth):
    """A lease that is taken anew then is another one: what was put back under the first is gone."""
    recovery = recovery_of(books, Meanwhile(books.pg, "transaction", books.redis.flushall, nth=nth))

    with contextlib.suppress(Rehydrating):
        recovery.run()

    assert recovery.due()
    assert recovery_of(books).run()
    books.drain().everything()
    assert books.differences() == []


def test_a_run_that_fails_gives_the_lease_back(books):
    def fails():
        raise KeyError("a mistake")

    recovery = recovery_of(books, Meanwhile(books.pg, "transaction", fails))

    with pytest.raises(KeyError):
        recovery.run()

    assert taken_by_another(books).held()
