"""Positions on their way to Postgres: whatever dies, no event is lost and none is there twice."""

from itertools import count

import pytest
from touchline.store.drain import Drain, Drained
from touchline.store.entries import Entry
from touchline.store.fact_drain import FactDrain
from touchline.store.keys import OutboxName, State
from touchline.store.ledger import Ledger
from touchline.store.outbox import Outbox, open_outboxes
from touchline.store.outbox_drain import OutboxDrain
from touchline.store.parked import Parked, Retried
from touchline.store.sequence import FactSequence
from touchline.store.states import States

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import add_users
from tests.fakes.failing import Countdown, Killed

pytestmark = pytest.mark.external

#: Rows whose fact the ledger lacks.
AHEAD_OF_LEDGER = """
SELECT user_id, version FROM wallets w WHERE version > 0 AND NOT EXISTS
  (SELECT FROM wallet_postings p WHERE p.user_id = w.user_id AND p.version = w.version)
UNION ALL
SELECT user_id, version FROM cfd_positions p WHERE NOT EXISTS
  (SELECT FROM cfd_events e WHERE (e.position_id, e.number) = (p.id, p.number))
"""


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


def mortal_drain(books, countdown):
    """A drain in which every step of every part may be its last."""
    sequence = countdown.guard(FactSequence(books.redis, books.keys))
    facts = FactDrain(sequence, countdown.guard(Ledger(books.pg)))
    outboxes = {
        name: OutboxDrain(name, outbox, facts, Parked(books.pg, name))
        for name, outbox in open_outboxes(books.redis, books.keys).items()
    }
    states = countdown.guard(States(books.redis, books.keys, books.scripts))
    return Drain(facts, outboxes, states, books.pg)


def due(books):
    books.rows("UPDATE position_outbox SET next_retry_at = now()")


@pytest.mark.parametrize("tag", ["", "{m}"])
def test_a_flush_brings_every_event_and_every_position_to_postgres(redis, pg, tag):
    books = Books(redis, pg, tag)
    books.some_positions()

    books.drain().flush()

    assert books.differences() == []
    assert books.rows("SELECT kind, count(*) FROM cfd_events GROUP BY 1 ORDER BY 1") == [
        ("change", 2),
        ("close", 4),
        ("open", 6),
    ]
    assert books.redis.scard(books.keys.dirty(State.POSITIONS)) == 0
    assert Outbox(redis, books.keys.outbox(OutboxName.POSITIONS)).length() == 0


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
def test_a_crash_at_any_step_of_a_flush_loses_nothing(books, after):
    for step in count(1):
        books.trade()
        books.close(books.close(books.open(user=2), 1))
        try:
            mortal_drain(books, Countdown(step, after=after)).flush()
        except Killed:
            assert books.rows(AHEAD_OF_LEDGER) == []
        else:
            break
    assert step > 6  # it did die at every one of the steps

    assert books.drain().everything().complete
    assert books.differences() == []
    assert books.rows("SELECT count(*) FROM cfd_events") == [(3 * step,)]


def test_the_synchronous_write_makes_an_event_and_its_position_durable(books):
    order = books.open_command()
    (opened,) = books.scripts.execute([order])
    (part,) = books.scripts.execute([books.close_command(opened.event.position, 10)])

    # Whichever comes first, and twice.
    for made in (part, opened, part):
        Ledger(books.pg).insert_facts([Entry(made.entry_id, made.entry)], 0)

    assert books.rows("SELECT count(*) FROM cfd_events") == [(2,)]
    assert books.rows("SELECT number, qty, qty_open FROM cfd_positions") == [(2, 990, 1000)]


def test_all_events_of_a_position_in_one_batch_leave_it_as_the_last_one_did(books):
    last = books.close(books.close(books.open(), 10))

    books.drain().facts()

    assert books.rows("SELECT number, qty, version FROM cfd_positions") == [(3, 0, last.version)]


def test_a_row_that_is_newer_than_an_event_is_left_alone(books):
    opened = books.open()
    books.drain().everything()
    books.rows("UPDATE cfd_positions SET version = version + 5, best_px = 7")
    books.restop(opened, None)

    books.drain().facts()

    assert books.rows("SELECT number, best_px FROM cfd_positions") == [(1, 7)]


def test_two_events_cannot_both_be_the_next_one(books):
    opened = books.open()
    (close,) = books.scripts.execute([books.close_command(opened)])
    ledger = Ledger(books.pg)
    ledger.insert_facts([Entry(close.entry_id, close.entry)], 0)
    again = dict(close.entry) | {"event": "01a16e71-95db-7e68-8535-f68ddcef39de"}

    parked = ledger.insert_facts([Entry("9-9", again)], 0)

    assert parked == 1
    assert books.rows("SELECT count(*) FROM cfd_events WHERE kind = 'close'") == [(1,)]
    assert books.rows("SELECT id::text, malformed FROM position_outbox") == [
        (again["event"], False)
    ]


def test_parked_events_of_one_position_are_all_kept_and_inserted_once_they_fit(books):
    books.grant(9)  # whom Postgres does not know
    books.close(books.open(user=9), 10)
    drained = books.drain().everything()
    assert drained == Drained(facts=6, states=6, facts_left=0, states_left=2, parked_left=3)
    parked = Parked(books.pg, OutboxName.POSITIONS)
    assert parked.count() == 2
    due(books)
    assert parked.retry() == Retried(inserted=0, refused=2)

    add_users(books.pg, 9)
    due(books)
    books.rows("UPDATE trade_outbox SET next_retry_at = now()")

    assert books.drain().everything().complete
    assert books.differences() == []
    assert books.rows("SELECT number FROM cfd_events ORDER BY 1") == [(1,), (2,)]


@pytest.mark.parametrize(
    "changes",
    [{"qty": "many"}, {"event": "not-a-uuid"}, {"side": "up"}, {"warn": "perhaps"}, {"at": ""},
     {"coid": "nul\0"}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_nonsense_in_the_stream_is_parked_not_lost_and_not_fatal(books, changes):
    (made,) = books.scripts.execute([books.open_command()])
    (other,) = books.scripts.execute([books.open_command()])
    nonsense = Entry(made.entry_id, dict(made.entry) | changes)

    parked = Ledger(books.pg).insert_facts([nonsense, Entry(other.entry_id, other.entry)], 0)

    assert parked == 1
    assert books.rows("SELECT id::text FROM cfd_positions") == [(other.event.position.id,)]
    assert books.rows("SELECT payload->>'idem' FROM position_outbox") == [(made.entry["idem"],)]


def test_a_position_that_was_only_followed_reaches_postgres(books):
    opened = books.open()
    books.drain().everything()
    key = books.keys.pos(opened.id)
    books.redis.hset(key, mapping={"warn": "1", "v": str(opened.version + 1)})
    books.redis.sadd(books.keys.dirty(State.POSITIONS), opened.id)

    books.drain().flush()

    assert books.rows("SELECT warned, version FROM cfd_positions") == [(True, opened.version + 1)]


def test_people_find_closes_in_a_view(books):
    books.close(books.open(), 10)
    books.drain().facts()

    assert books.rows("SELECT number, qty, reason FROM cfd_closes") == [(2, 10, "client")]
