"""What Postgres knows is read so that everybody else in the process goes on meanwhile."""

import gevent
import pytest
from touchline.domain.portfolio import Holding
from touchline.store import newest
from touchline.store.newest import Newest
from touchline.store.rehydrate import rehydrate

from tests.fakes.bookkeeping import Books

pytestmark = pytest.mark.external

MANY = 1_000


@pytest.fixture
def books(redis, pg):
    books = Books(redis, pg)
    rehydrate(redis, books.keys, pg)
    books.some_trades()
    assert books.drain().everything().complete
    return books


def test_others_have_turns_between_the_rows_of_a_large_table(books, monkeypatch):
    """One of them renews the lease; without a turn in its time nobody would ever come to an end."""
    monkeypatch.setattr(newest, "ROWS_A_TURN", 2, raising=False)
    turns, seen = [], set()

    def others():
        while True:
            turns.append(True)
            gevent.sleep(0)

    def holding(*fields):
        seen.add(len(turns))
        return Holding(*fields)

    monkeypatch.setattr(newest, "Holding", holding)
    with books.pg.transaction() as cursor:
        cursor.execute(
            "SET LOCAL session_replication_role = replica"
        )  # of users there need be none
        cursor.execute(
            "INSERT INTO holdings (user_id, idx, qty, cost_e4, version)"
            " SELECT 1000 + n, 7, 0, 0, 1 FROM generate_series(1, %s) n",
            (MANY,),
        )
        other = gevent.spawn(others)
        known = Newest()
        try:
            known.read(cursor)
        finally:
            other.kill()
        cursor.connection.rollback()

    assert len(known.holdings) > MANY
    assert len(seen) > MANY // 8  # most of the answers have to be waited for
