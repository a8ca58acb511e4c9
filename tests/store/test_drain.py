"""From Redis to Postgres: whatever dies on the way, nothing is lost and nothing goes backwards."""

from contextlib import suppress
from itertools import count, islice

import gevent
import pytest
from gevent.event import Event
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisAway
from touchline.store.drain import STATE_BATCH, Drain, Drained, Flushed, drain_everything
from touchline.store.fact_drain import FACT_BATCH, RUN_S, FactDrain, FactRun
from touchline.store.fence import Fence, Fenced
from touchline.store.keys import OutboxName, State
from touchline.store.ledger import Ledger
from touchline.store.outbox import Outbox, open_outboxes
from touchline.store.outbox_drain import OutboxDrain
from touchline.store.parked import Parked
from touchline.store.reconcile import reconcile
from touchline.store.sequence import FactSequence
from touchline.store.states import States

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.facts import add_users, spelled, trade_entry
from tests.fakes.failing import Countdown, Killed, Meanwhile

pytestmark = pytest.mark.external

STILL = FakeClock()

#: Versions in the tables whose fact the ledger lacks.
AHEAD_OF_LEDGER = """
SELECT user_id, version FROM wallets w WHERE version > 0 AND NOT EXISTS
  (SELECT FROM wallet_postings p WHERE p.user_id = w.user_id AND p.version = w.version)
"""


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


@pytest.fixture
def states(books):
    return States(books.redis, books.keys, books.scripts)


def mortal_drain(books, countdown, monotonic=STILL.monotonic):
    """A drain in which every step of every part may be its last."""
    sequence = countdown.guard(FactSequence(books.redis, books.keys))
    facts = FactDrain(sequence, countdown.guard(Ledger(books.pg)), monotonic)
    outboxes = {
        name: OutboxDrain(name, outbox, facts, Parked(books.pg, name))
        for name, outbox in open_outboxes(books.redis, books.keys).items()
    }
    states = countdown.guard(States(books.redis, books.keys, books.scripts))
    return Drain(facts, outboxes, states, books.pg)


def write(books, states, peeked):
    with books.pg.transaction() as cursor:
        return states.write(cursor, peeked)


@pytest.mark.parametrize("tag", ["", "{m}"])
def test_a_flush_brings_every_fact_and_every_state_to_postgres(redis, pg, tag):
    books = Books(redis, pg, tag)
    trades = books.some_trades()

    flushed = books.drain().flush()

    assert books.differences() == []
    assert books.rows("SELECT count(*) FROM trades") == [(len(trades),)]
    assert flushed.facts == len(trades) + 3
    assert flushed.peeked == flushed.acked == 2 + 4 + 6
    assert Outbox(redis, books.keys.trade_outbox).length() == 0


def test_an_idle_flush_does_nothing(books):
    books.drain().everything()

    assert books.drain().flush() == Flushed()


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
def test_a_crash_at_any_step_of_a_flush_loses_nothing(books, after):
    for step in count(1):
        books.some_trades()
        try:
            mortal_drain(books, Countdown(step, after=after)).flush()
        except Killed:
            assert books.rows(AHEAD_OF_LEDGER) == []
        else:
            break
    assert step > 6  # it did die at every one of the steps

    assert books.drain().everything().complete
    assert books.differences() == []
    assert books.rows("SELECT count(*) FROM trades") == [(9 * step,)]


STEPS = st.lists(
    st.one_of(
        st.just("trade"),
        st.just("flush"),
        st.tuples(st.sampled_from(["flush", "facts"]), st.integers(1, 12), st.booleans()),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(steps=STEPS)
def test_any_mixture_of_trades_flushes_and_crashes_ends_with_everything_in_postgres(books, steps):
    for step in steps:
        match step:
            case "trade":
                books.trade(user=2, qty=7)
            case "flush":
                books.drain().flush()
            case (which, at, after):
                drain = mortal_drain(books, Countdown(at, after=after))
                with suppress(Killed):
                    drain.flush() if which == "flush" else drain.facts()
        assert books.rows(AHEAD_OF_LEDGER) == []

    assert books.drain().everything().complete
    assert books.differences() == []


def test_an_older_state_never_overwrites_a_newer_one(books, states):
    stale = states.peek(100)
    books.some_trades()
    books.drain().flush()

    write(books, states, stale)

    assert books.differences() == []


def test_a_state_that_changed_after_it_was_read_stays_dirty(books, states):
    peeked = states.peek(100)
    refusals = write(books, states, peeked)
    books.trade(user=1, idx=7)

    acked = states.ack(peeked, refusals)

    dirty = {state: books.redis.smembers(books.keys.dirty(state)) for state in State}
    assert acked == len(peeked) - 3
    assert dirty == {
        State.INSTRUMENTS: {"7"},
        State.WALLETS: {"0", "1"},
        State.HOLDINGS: {"1:7"},
        State.POSITIONS: set(),
    }


def test_two_flushers_that_overlap_agree(books, states):
    early = states.peek(100)
    books.some_trades()
    late = states.peek(100)

    for peeked in (late, early):
        states.ack(peeked, write(books, states, peeked))

    assert books.drain().everything().complete
    assert books.differences() == []


def test_no_state_is_written_while_its_facts_cannot_be(books):
    countdown = Countdown(4)  # peek, two ids, then read: the ledger is never reached
    books.some_trades()

    with pytest.raises(Killed):
        mortal_drain(books, countdown).flush()

    assert books.rows("SELECT * FROM wallets") == []


def test_a_state_postgres_refuses_stays_dirty_and_the_others_go_through(books):
    books.grant(9)  # whom Postgres does not know

    flushed = books.drain().flush()

    assert list(flushed.refusals) == [(State.WALLETS, "9")]
    assert "users" in flushed.refusals[State.WALLETS, "9"]
    assert books.differences() == []
    assert books.redis.smembers(books.keys.dirty(State.WALLETS)) == {"9"}

    add_users(books.pg, 9)
    assert books.drain().flush().refusals == {}
    assert books.rows("SELECT cash_e4 FROM wallets WHERE user_id = 9") == [(100_000_000,)]


def test_a_word_among_the_dirty_members_holds_up_no_state(books):
    books.some_trades()
    for state in State:
        books.redis.sadd(books.keys.dirty(state), "rumour", "a:b:c")

    drained = books.drain().everything()

    assert books.differences() == []
    assert drained.states_left == 2 * len(State)


def test_a_key_of_another_type_holds_up_no_state_but_its_own(books):
    books.redis.set(books.keys.wallet(777), "x")
    books.redis.sadd(books.keys.dirty(State.WALLETS), 777)

    drained = books.drain().everything()

    assert books.differences() == []
    assert (drained.states, drained.states_left) == (6, 1)


def test_the_feeds_columns_of_an_instrument_survive_a_flush(books):
    books.rows("UPDATE instruments SET name = 'Renamed' WHERE idx = 7")

    books.drain().flush()

    assert books.rows("SELECT name, version > 0 FROM instruments WHERE idx = 7") == [
        ("Renamed", True)
    ]


def test_a_flusher_whose_fence_was_taken_over_writes_no_state(books):
    old, new = Fence(books.pg, "flusher"), Fence(books.pg, "flusher")
    old.take()
    new.take()
    books.drain().flush(new)
    books.some_trades()

    with pytest.raises(Fenced):
        books.drain().flush(old)

    assert len(books.differences()) == 4 + 6 + 2
    books.drain().flush(new)
    assert books.differences() == []


def test_draining_everything_tells_what_postgres_refuses_to_take(books):
    books.grant(9)

    drained = drain_everything(books.redis, books.keys, books.scripts, books.pg)

    assert drained == Drained(facts=4, states=6, facts_left=0, states_left=1, parked_left=1)
    assert not drained.complete


@pytest.mark.parametrize("batches", [1, 3])
def test_a_flush_of_more_facts_than_one_run_has_time_for_leaves_the_states_for_the_next(
    books, batches
):
    """However slow Postgres is: with one batch after the time is over, the run is too."""
    outbox, backlog = books.keys.trade_outbox, batches * FACT_BATCH
    looks = count()  # at the clock: when the run begins, and after each batch
    drain = mortal_drain(books, Countdown(), lambda: next(looks) * RUN_S / batches)
    with books.redis.pipeline(transaction=False) as pipe:
        for number in range(backlog):
            pipe.xadd(outbox, spelled(trade_entry(number + 1, user=2).fields))
        pipe.hset(books.keys.wallet(0), "v", trade_entry(backlog).fields["tv"])
        pipe.execute()

    first = drain.flush()
    written = books.rows("SELECT count(*) FROM wallets")
    second = drain.flush()

    assert first == Flushed(facts=backlog, waiting=6, more=True)
    assert written == [(0,)]
    assert (second.facts, second.acked, second.more) == (3, 6, False)


def test_states_do_not_wait_for_facts_that_were_made_after_their_flush_began(books):
    """Else they would wait for as long as more facts are made than Postgres takes."""
    made = iter(range(1, 2 * FACT_BATCH + 1))

    def make_facts():
        with books.redis.pipeline(transaction=False) as pipe:
            for number in islice(made, FACT_BATCH):
                entry = trade_entry(number, user=2)
                pipe.xadd(books.keys.trade_outbox, spelled(entry.fields))
                pipe.hset(books.keys.wallet(0), "v", entry.fields["tv"])
            pipe.execute()

    make_facts()
    sequence = Meanwhile(FactSequence(books.redis, books.keys), "read", make_facts, nth=1)
    peeking = States(books.redis, books.keys, books.scripts)
    facts = FactDrain(sequence, Ledger(books.pg), lambda: 0.0)  # however slow the machine is

    flushed = Drain(facts, {}, peeking, books.pg).flush()

    # The facts that came later are left, and are a reason to go on at once.
    assert (flushed.acked, flushed.more) == (5, True)  # all but the treasury's, which moved on
    assert Outbox(books.redis, books.keys.trade_outbox).length() > 0


def test_the_next_flush_follows_at_once_while_facts_may_be_left(books):
    books.drain().flush()
    with books.redis.pipeline(transaction=False) as pipe:
        for number in range(4, 4 + FACT_BATCH):
            pipe.xadd(books.keys.trade_outbox, spelled(trade_entry(number, user=2).fields))
        pipe.hset(books.keys.wallet(0), "v", trade_entry(3 + FACT_BATCH).fields["tv"])
        pipe.execute()

    assert books.drain().flush() == Flushed(FACT_BATCH, more=True)
    assert books.drain().flush() == Flushed()


def test_a_drain_that_another_is_in_the_way_of_goes_on_at_once(books):
    writing = Event()
    ledger = Meanwhile(Ledger(books.pg), "insert", writing.wait)
    facts = FactDrain(FactSequence(books.redis, books.keys), ledger)
    first = gevent.spawn(facts.run)
    gevent.sleep(0)

    assert facts.run() == FactRun(0, complete=False, more=True)

    writing.set()
    assert first.get() == FactRun(3, complete=True)


def test_an_outage_met_while_reading_ahead_is_raised_and_loses_nothing(books):
    def gone():
        raise RedisAway("gone")

    with books.redis.pipeline(transaction=False) as pipe:
        for number in range(FACT_BATCH):
            pipe.xadd(books.keys.trade_outbox, spelled(trade_entry(number + 1, user=2).fields))
        pipe.hset(books.keys.wallet(0), "v", trade_entry(FACT_BATCH).fields["tv"])
        pipe.execute()
    sequence = Meanwhile(FactSequence(books.redis, books.keys), "read", gone, nth=1)

    with pytest.raises(RedisAway):
        FactDrain(sequence, Ledger(books.pg)).run()

    # What had been read was written all the same.
    assert Outbox(books.redis, books.keys.trade_outbox).length() == 3
    assert books.rows("SELECT count(*) FROM trades") == [(FACT_BATCH - 3,)]
    assert books.drain().facts() == FactRun(3, complete=True)


def test_the_next_flush_follows_at_once_while_a_backlog_of_states_moves(books):
    with books.redis.pipeline(transaction=False) as pipe:
        for user in range(100, 100 + STATE_BATCH):
            pipe.hset(books.keys.wallet(user), mapping={"cash": 1, "locked": 0, "v": 1})
            pipe.sadd(books.keys.dirty(State.WALLETS), user)
        pipe.execute()
    add_users(books.pg, *range(100, 100 + STATE_BATCH))

    assert books.drain().flush().more
    assert not books.drain().flush().more


def test_a_parked_fact_that_redis_brings_again_counts_once(books):
    """What refused it is gone; it is in the ledger before it is tried again."""
    books.drain().everything()
    add_users(books.pg, 9)
    tables = ("trades", "wallet_ledger", "cfd_events")
    for table in tables:
        books.rows(
            f"ALTER TABLE {table} ADD CONSTRAINT no_more CHECK (user_id NOT IN (1, 9)) NOT VALID"
        )
    books.trade(user=1)
    books.grant(9)
    books.open(user=1)
    streams = [books.keys.outbox(name) for name in OutboxName]
    before = {stream: books.redis.xrange(stream) for stream in streams}
    assert books.drain().everything().parked_left == 3
    for table in tables:
        books.rows(f"ALTER TABLE {table} DROP CONSTRAINT no_more")
    for stream, entries in before.items():
        books.redis.delete(stream)
        for entry_id, fields in entries:
            books.redis.xadd(stream, fields, id=entry_id)

    books.drain().facts()

    found = reconcile(books.redis, books.keys, books.pg).verdicts
    assert [verdict.name for verdict in found if not verdict.ok] == []
    assert books.differences() == []
    assert books.rows("SELECT count(*) FROM trade_outbox") == [(2,)]
    assert books.rows("SELECT count(*) FROM position_outbox") == [(1,)]
