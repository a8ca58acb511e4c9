"""The flusher: flushes while it holds the lease, catches up without a pause, tells news once."""

import pytest
from structlog.testing import capture_logs
from touchline.actors.flush.flusher import Flusher
from touchline.actors.flush.messages import FlushDue, LeaseDue
from touchline.store.drain import Flushed
from touchline.store.fence import Fence
from touchline.store.lease import Lease

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def build(books, clock):
    def build(drain=None):
        lease = Lease(books.redis, books.keys.lease("flusher"), monotonic=clock.monotonic)
        fence = Fence(books.pg, "flusher")
        return Flusher(drain or books.drain(), lease, fence, 0.1, clock.monotonic)

    return build


class ScriptedDrain:
    """Flushes as it is told."""

    def __init__(self, *flushed):
        self._flushed = list(flushed)

    def flush(self, fence):
        return self._flushed.pop(0)


def test_what_is_dirty_is_in_postgres_after_one_flush(books, build):
    flusher = build()
    flusher.started()

    books.some_trades()
    flusher.receive(FlushDue())

    assert books.differences() == []


def test_it_flushes_by_the_interval_it_was_given(build):
    flusher = build()

    flusher.started()

    assert {timer.message: timer.seconds for timer in flusher.timers} == {
        FlushDue(): 0.1,
        LeaseDue(): 2.0,
    }


def test_of_two_flushers_one_flushes_and_the_other_takes_over_when_it_stops(books, build):
    first, second = build(), build()
    first.started()
    second.started()

    second.receive(FlushDue())
    assert books.rows("SELECT count(*) FROM wallets") == [(0,)]

    first.stopped()
    second.receive(LeaseDue())
    second.receive(FlushDue())
    assert books.differences() == []


def test_a_flusher_that_was_asleep_too_long_does_not_flush(books, build, clock):
    flusher = build()
    flusher.started()

    clock.advance(5.5)
    flusher.receive(FlushDue())

    assert books.rows("SELECT count(*) FROM wallets") == [(0,)]
    assert flusher.detail()["lease"] is False


def test_a_flusher_that_was_overtaken_steps_back_and_may_come_again(books, build):
    flusher = build()
    flusher.started()
    usurper = Fence(books.pg, "flusher")
    usurper.take()
    books.drain().flush(usurper)
    books.some_trades()

    flusher.receive(FlushDue())
    assert flusher.detail()["lease"] is False
    assert books.differences() != []

    flusher.receive(LeaseDue())
    flusher.receive(FlushDue())
    assert books.differences() == []


def test_after_redis_has_lost_count_whoever_held_the_lease_between_is_kept_out(books, build):
    earlier, first, second = build(), build(), build()
    lease = books.keys.lease("flusher")
    earlier.started()
    earlier.stopped()
    first.started()
    books.redis.delete(lease, f"{lease}:token")  # as by a FLUSHALL
    second.started()
    books.redis.delete(lease)  # which stands still amid a flush meanwhile
    first.receive(LeaseDue())

    for flusher in (first, second):
        books.some_trades()
        flusher.receive(FlushDue())

    assert (first.detail()["lease"], second.detail()["lease"]) == (True, False)


def test_a_backlog_is_worked_off_without_waiting_for_the_timer(build):
    flusher = build(ScriptedDrain(Flushed(waiting=9000, peeked=2100, acked=2100, more=True)))
    flusher.started()

    flusher.receive(FlushDue())

    assert flusher.actor_inbox.queued() == (FlushDue(),)
    assert flusher.detail()["backlog"] == 6900


def test_the_lag_counts_from_the_last_flush_that_left_no_backlog(build, clock):
    behind = Flushed(waiting=9000, peeked=2100, acked=2100, more=True)
    flusher = build(ScriptedDrain(Flushed(), behind, behind))
    flusher.started()

    for _ in range(3):
        clock.advance(0.5)
        flusher.receive(FlushDue())

    assert flusher.detail()["lag_s"] == 1.0


def test_a_refused_state_is_logged_once_however_often_it_comes_up(books, build):
    flusher = build()
    flusher.started()
    books.grant(9)  # whom Postgres does not know

    with capture_logs() as logs:
        for _ in range(3):
            flusher.receive(FlushDue())

    assert [line["member"] for line in logs if line["event"] == "state refused"] == ["9"]
    assert flusher.detail()["refused"] == 1
    assert flusher.detail()["ailing"] == "states that Postgres refuses: 1"


def test_a_flusher_that_cannot_keep_up_says_so(build, clock):
    behind = Flushed(waiting=9000, peeked=2100, acked=2100, more=True)
    flusher = build(ScriptedDrain(Flushed(), behind))
    flusher.started()
    flusher.receive(FlushDue())
    for _ in range(4):
        clock.advance(1.8)
        flusher.receive(LeaseDue())

    flusher.receive(FlushDue())

    assert flusher.detail()["ailing"] == "Postgres is 7 s behind Redis"
