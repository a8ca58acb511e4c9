"""Parked facts: tried again with growing pauses, inserted once they fit, never dropped."""

import pytest
from touchline.store.keys import OutboxName
from touchline.store.ledger import Ledger
from touchline.store.parked import Parked, Retried

from tests.fakes.facts import add_instruments, add_users, trade_entry

pytestmark = pytest.mark.external


@pytest.fixture
def parked(pg):
    """One fact of user 9, whom nobody has heard of, parked and due."""
    add_instruments(pg, 7)
    Ledger(pg).insert_facts([trade_entry(1, user=9)], 0)
    due(pg)
    return Parked(pg, OutboxName.TRADES)


def due(pg):
    with pg.transaction() as cursor:
        cursor.execute("UPDATE trade_outbox SET next_retry_at = now()")


def change(pg, how):
    with pg.transaction() as cursor:
        cursor.execute(f"ALTER TABLE trades {how}")


def one(pg, query):
    with pg.transaction() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def test_a_parked_fact_is_inserted_once_it_fits(parked, pg):
    add_users(pg, 9)

    assert parked.retry() == Retried(inserted=1, refused=0)
    assert parked.count() == 0
    assert one(pg, "SELECT user_id, qty FROM trades") == (9, 1000)


def test_a_parked_fact_that_still_does_not_fit_waits_twice_as_long(parked, pg):
    pauses = []
    for _ in range(3):
        assert parked.retry() == Retried(inserted=0, refused=1)
        pauses.append(
            one(pg, "SELECT round(extract(epoch FROM next_retry_at - now())) FROM trade_outbox")[0]
        )
        due(pg)

    assert pauses == [10, 20, 40]
    assert one(pg, "SELECT attempts FROM trade_outbox") == (3,)


def test_a_fact_that_is_in_the_ledger_is_not_parked_by_a_younger_constraint(pg):
    """Facts come twice, after a crash or a loss; parked it would be there twice."""
    add_users(pg, 2)
    add_instruments(pg, 7)
    fact = trade_entry(1, user=2)
    Ledger(pg).insert_facts([fact], 0)
    change(pg, "ADD CONSTRAINT no_more CHECK (user_id <> 2) NOT VALID")
    try:
        again = Ledger(pg).insert_facts([fact], 0)
        fresh = Ledger(pg).insert_facts([trade_entry(2, user=2)], 0)
    finally:
        change(pg, "DROP CONSTRAINT no_more")

    assert (again, fresh) == (0, 1)
    assert Parked(pg, OutboxName.TRADES).count() == 1


def test_the_pause_is_never_longer_than_an_hour_and_the_fact_is_never_dropped(parked, pg):
    with pg.transaction() as cursor:
        cursor.execute("UPDATE trade_outbox SET attempts = 1000")

    parked.retry()

    assert one(
        pg, "SELECT attempts, round(extract(epoch FROM next_retry_at - now())) FROM trade_outbox"
    ) == (1001, 3600)


def test_a_fact_that_is_not_due_is_left_alone(parked, pg):
    add_users(pg, 9)
    with pg.transaction() as cursor:
        cursor.execute("UPDATE trade_outbox SET next_retry_at = now() + INTERVAL '1 hour'")

    assert parked.retry() == Retried(inserted=0, refused=0)


def test_a_fact_another_drainer_holds_is_skipped(parked, pg):
    with pg.transaction() as cursor:
        cursor.execute("SELECT 1 FROM trade_outbox FOR UPDATE")

        assert parked.retry() == Retried(inserted=0, refused=0)


def test_a_fact_parked_twice_is_parked_once(pg):
    add_instruments(pg, 7)
    entry = trade_entry(1, user=9)

    Ledger(pg).insert_facts([entry], 0)
    Ledger(pg).insert_facts([entry], 0)

    assert Parked(pg, OutboxName.TRADES).count() == 1
