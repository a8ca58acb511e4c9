"""Orders that wait outlive a loss of Redis, and what has ended does not begin again."""

from contextlib import suppress
from dataclasses import replace

import pytest
from touchline.domain.halts import Halt, Phase
from touchline.domain.orders import OrderStatus, TradeTerms
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store import waiting
from touchline.store.commands import Accepted, AcceptOrder, Awaited, Delayed
from touchline.store.order_kinds import order_from
from touchline.store.orders import Orders
from touchline.store.outage import OUTAGES
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.release import Release
from touchline.store.scanner import Scanner

from tests.fakes.bookkeeping import Books
from tests.fakes.failing import Countdown, Killed, Meanwhile

pytestmark = pytest.mark.external

DELAY_MS = 5_000


@pytest.fixture
def books(redis, pg):
    """Books whose clubs are in play, everything in Postgres."""
    books = Books(redis, pg)
    redis.set("lease", "me")
    for idx in books.clubs:
        feed(books, idx, phase=Phase.LIVE)
    assert books.drain().everything().complete
    yield books
    books.drain().everything()
    report = reconcile(redis, books.keys, pg)
    assert report.ok, report.as_text()


def feed(books, idx=7, **changes):
    books.scripts.index_apply(IndexChange(idx=idx, now_ms=1, **changes), "lease", "me")


def command_in_play(books, **changes):
    return replace(books.command(**changes), delay_ms=DELAY_MS)


def placed(books, command):
    """An order as the executor handles it."""
    [outcome] = books.scripts.execute([command])
    if isinstance(outcome, Delayed):
        [outcome] = books.scripts.execute([AcceptOrder(order_from(command, outcome))])
    return outcome


def pending(books, **changes):
    outcome = placed(books, command_in_play(books, **changes))
    assert isinstance(outcome, Accepted)
    return outcome.order


def released(books, now_ms=1 << 43, scripts=None):
    orders = Orders(books.redis, books.keys, books.pg)
    scanner = Scanner(books.redis, books.keys, books.scripts, lambda: now_ms)
    release = Release(orders, books.hot, scripts or books.scripts, scanner)
    return release.run(now_ms, lambda: True)


def restored(books):
    return rehydrate(books.redis, books.keys, books.pg)


def restarted(books):
    """What a restart leaves: the same data under another run id."""
    books.redis.set(books.keys.meta("run_id"), "the one before")


def status_of(books, order):
    return Orders(books.redis, books.keys, books.pg).one(order.user, order.order_id).order.status


def snapshot(books):
    """Everything in Redis, to come back to: what a crash leaves that forgets the last second."""
    return {key: books.redis.dump(key) for key in books.redis.scan_iter()}


def fall_back(books, kept):
    books.redis.flushdb()
    for key, value in kept.items():
        books.redis.restore(key, 0, value)
    restarted(books)


def test_an_order_that_waits_waits_on_after_everything_is_lost(books):
    order = pending(books, user=2)
    books.drain().everything()
    books.redis.flushdb()

    rehydrated = restored(books)

    assert rehydrated.orders == 1
    assert status_of(books, order) is OrderStatus.PENDING
    assert released(books, order.release_ms - 1).due == 0
    assert released(books, order.release_ms).filled == 1


def test_its_keys_are_remembered_across_the_loss(books):
    command = command_in_play(books, user=2, key="mine")
    first = placed(books, command)
    books.drain().everything()
    books.redis.flushdb()
    restored(books)

    again = placed(books, command)
    same_name = placed(
        books, replace(command_in_play(books, user=2), client_order_id=command.client_order_id)
    )

    assert again == Awaited(first.order)
    assert same_name == Refused(Refusal.CLIENT_ORDER_ID_REUSED)
    assert 0 < books.redis.ttl(books.keys.idem(2, "mine")) <= 86_400


@pytest.mark.parametrize("halted", [False, True])
def test_a_repeated_order_is_answered_as_ever_after_it_was_done_and_lost(books, halted):
    command = command_in_play(books, user=2, key="mine")
    first = placed(books, command)
    if halted:
        feed(books, halt=Halt.EVENT)
    released(books)
    books.drain().everything()
    books.redis.flushdb()

    assert restored(books).orders == 0
    assert placed(books, command) == Awaited(first.order)


def test_an_order_for_an_amount_comes_back_with_its_terms(books):
    asked = TradeTerms(Side.BUY, None, 2_500_000, 1_020_000)
    outcome = placed(books, replace(command_in_play(books, user=2), asked=asked))
    books.drain().everything()
    books.redis.flushdb()

    restored(books)

    [found] = Orders(books.redis, books.keys, books.pg).due(1 << 43, 9).orders
    assert found == outcome.order
    assert found.terms == asked


def test_an_order_alone_is_missed_though_no_balance_is(books):
    kept = snapshot(books)
    order = pending(books, user=2)
    seen = books.redis.get(books.keys.pfseq(2))
    books.drain().everything()
    fall_back(books, kept)

    rehydrated = restored(books)

    assert (rehydrated.states, rehydrated.orders) == (0, 1)
    assert status_of(books, order) is OrderStatus.PENDING
    assert int(books.redis.get(books.keys.pfseq(2))) > int(seen)
    assert released(books).filled == 1


@pytest.mark.parametrize("halted", [False, True])
def test_an_end_that_redis_forgot_is_not_replaced_by_another(books, halted):
    order = pending(books, user=2)
    if halted:
        feed(books, halt=Halt.EVENT)
    kept = snapshot(books)
    released(books)
    books.drain().everything()
    ended = status_of(books, order)
    fall_back(books, kept)

    rehydrated = restored(books)
    feed(books, halt=Halt(0))

    assert rehydrated.orders == 1
    assert released(books).due == 0
    assert status_of(books, order) is ended
    assert books.rows("SELECT count(*) FROM trades") == [(0 if halted else 1,)]


def test_a_releaser_that_lived_through_the_loss_cannot_carry_out_what_was_rejected(books):
    order = pending(books, user=2)
    feed(books, halt=Halt.EVENT)
    kept = snapshot(books)
    released(books)
    books.drain().everything()
    fall_back(books, kept)

    def the_loss():
        restored(books)
        feed(books, halt=Halt(0))

    released(books, scripts=Meanwhile(books.scripts, "execute", the_loss))

    assert status_of(books, order) is OrderStatus.REJECTED
    assert books.hot.holdings(2) == {}


def test_a_releaser_that_lived_through_the_loss_cannot_carry_out_an_order_that_is_lost(books):
    """Whoever sent it may have sent it again."""
    pending(books, user=2, key="once")

    def the_loss():
        books.redis.flushdb()
        restored(books)
        for idx in books.clubs:
            feed(books, idx, phase=Phase.LIVE)
        pending(books, user=2, key="once")

    books.redis.set("lease", "me")
    released(books, scripts=Meanwhile(books.scripts, "execute", the_loss))
    released(books)

    assert books.hot.holdings(2)[7].qty == 1000


def test_a_releaser_that_lived_through_the_loss_of_everything_cannot_carry_out_what_was_rejected(
    books,
):
    order = pending(books, user=2)

    def the_loss():
        feed(books, halt=Halt.EVENT)
        released(books)
        books.drain().everything()
        books.redis.flushdb()
        restored(books)
        books.redis.set("lease", "me")
        feed(books, halt=Halt(0))

    released(books, scripts=Meanwhile(books.scripts, "execute", the_loss))

    assert status_of(books, order) is OrderStatus.REJECTED
    assert books.hot.holdings(2) == {}


@pytest.mark.parametrize("found", ["fresh", "old", "parked"])
def test_an_order_whose_trade_is_in_the_ledger_does_not_trade_again(books, found):
    order = pending(books, user=2)
    books.drain().everything()
    with pytest.raises(Killed):
        released(books, scripts=Countdown(2).guard(books.scripts))
    if found == "parked":
        books.rows("ALTER TABLE trades ADD CONSTRAINT tight CHECK (user_id <> 2)")
    books.drain().facts()
    books.rows("ALTER TABLE trades DROP CONSTRAINT IF EXISTS tight")
    if found == "old":
        books.rows("UPDATE trades SET recorded_at = now() - INTERVAL '3 days'")
    books.redis.flushdb()

    restored(books)
    run = released(books)

    assert (run.filled, run.trades) == (1, 0)
    books.rows("UPDATE trade_outbox SET next_retry_at = now()")
    books.drain().everything()
    assert books.rows("SELECT count(*) FROM trades") == [(1,)]
    assert status_of(books, order) is OrderStatus.FILLED


def test_who_puts_back_late_has_nothing_wait_that_was_carried_out_meanwhile(books, monkeypatch):
    order = pending(books)
    assert books.drain().everything().complete
    books.redis.flushdb()

    def late(*told):
        monkeypatch.undo()
        restored(books)
        released(books)
        return waiting.write_anyway(*told)

    monkeypatch.setattr(waiting, "write_anyway", late)
    with suppress(*OUTAGES):
        restored(books)

    assert status_of(books, order) is OrderStatus.FILLED
    assert books.redis.zcard(books.keys.pending_orders) == 0


def test_a_restart_that_lost_nothing_restores_no_order(books):
    order = pending(books, user=2)
    before = books.redis.get(books.keys.pfseq(2))
    restarted(books)

    assert restored(books).orders == 0
    assert books.redis.get(books.keys.pfseq(2)) == before
    assert status_of(books, order) is OrderStatus.PENDING


def test_a_rejection_that_postgres_refuses_counts_all_the_same(books):
    order = pending(books, user=2)
    books.drain().everything()
    books.rows("ALTER TABLE orders ADD CONSTRAINT tight CHECK (status <> 'rejected')")
    try:
        feed(books, halt=Halt.EVENT)
        released(books)
        books.drain().facts()
        assert books.rows("SELECT payload->>'st' FROM trade_outbox") == [("rejected",)]
        books.redis.flushdb()
        restored(books)
    finally:
        books.rows("ALTER TABLE orders DROP CONSTRAINT tight")

    assert released(books).due == 0
    books.rows("UPDATE trade_outbox SET next_retry_at = now()")
    books.drain().everything()
    assert status_of(books, order) is OrderStatus.REJECTED


def aside(books, user=2):
    wallet = books.hot.wallet(user)
    return wallet.reserved_e4, wallet.reserved_positions


def opening(books, user=2):
    """A position that waits to be opened."""
    command = replace(books.open_command(user=user), delay_ms=DELAY_MS)
    outcome = placed(books, command)
    assert isinstance(outcome, Accepted)
    return outcome.order


def test_what_orders_set_aside_is_set_aside_after_everything_is_lost(books):
    orders = [pending(books, user=2), opening(books)]
    before = aside(books)
    books.drain().everything()
    books.redis.flushdb()

    rehydrated = restored(books)

    assert before == (sum(order.reserved_e4 for order in orders), 1) == aside(books)
    assert rehydrated.reservations == 1
    assert released(books).filled == 2
    assert aside(books) == (0, 0)


@pytest.mark.parametrize("halted", [False, True])
def test_what_an_order_has_given_back_is_not_set_aside_by_a_redis_that_forgot(books, halted):
    pending(books, user=2)
    opening(books)
    if halted:
        feed(books, halt=Halt.EVENT)
    kept = snapshot(books)
    released(books)
    books.drain().everything()
    fall_back(books, kept)

    restored(books)

    assert aside(books) == (0, 0)


def test_an_order_that_was_carried_out_and_not_closed_sets_nothing_aside_after_a_loss(books):
    order = pending(books, user=2)
    still = pending(books, user=2)
    books.drain().everything()
    with pytest.raises(Killed):
        released(books, order.release_ms, scripts=Countdown(2).guard(books.scripts))
    books.drain().facts()
    books.redis.flushdb()

    restored(books)

    assert aside(books) == (still.reserved_e4, 0)
    assert released(books).filled == 2
    assert aside(books) == (0, 0)


def test_a_sum_that_nothing_waits_for_does_not_survive_a_restart(books):
    books.redis.hset(books.keys.wallet(3), mapping={"rsv": 5_000, "rpos": 2})
    restarted(books)

    rehydrated = restored(books)

    assert (rehydrated.orders, rehydrated.reservations) == (0, 1)
    assert aside(books, user=3) == (0, 0)
