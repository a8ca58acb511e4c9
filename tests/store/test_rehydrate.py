"""Rehydration: whatever Redis has lost comes back from Postgres, and the books agree again."""

from itertools import count

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Phase
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Filled, Replayed
from touchline.store.entries import Entry
from touchline.store.fact_writer import FactWriter
from touchline.store.facts import insert_kinds
from touchline.store.gate import Rehydrating
from touchline.store.keys import State
from touchline.store.ledger import Ledger
from touchline.store.life import EPOCH_BITS, show_life
from touchline.store.lua import LuaScript
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.sequence import FactSequence, Stretch

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import AT_MS
from tests.fakes.failing import Countdown, Killed

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    """Books after some trading, everything in Postgres."""
    books = Books(redis, pg)
    books.some_trades()
    assert books.drain().everything().complete
    return books


def restored(books):
    return rehydrate(books.redis, books.keys, books.pg)


def report_of(books):
    return reconcile(books.redis, books.keys, books.pg)


def worth(books):
    """Every balance, without the versions."""
    wallets = [(w.cash_e4, w.locked_e4) for w in map(books.hot.wallet, (0, *books.users))]
    holdings = [
        (user, idx, holding.qty, holding.cost_e4)
        for user in books.users
        for idx, holding in books.hot.holdings(user).items()
    ]
    return wallets, holdings, [club.inventory for club in books.hot.instruments()]


def pretend_restart(books):
    """What a restart leaves: the same data under another run id."""
    books.redis.set(books.keys.meta("run_id"), "the one before")


def test_an_emptied_redis_has_every_balance_again_and_reconciles(books):
    before = worth(books)
    books.redis.flushdb()

    rehydrated = restored(books)

    assert worth(books) == before
    assert rehydrated.states == 2 + 4 + 6
    assert books.drain().everything().complete
    assert report_of(books).ok, report_of(books).as_text()
    assert books.differences() == []


def test_instruments_come_back_whole(books):
    before = books.hot.instruments()
    books.redis.flushdb()

    restored(books)

    after = books.hot.instruments()
    versions = {club.version for club in after}
    assert [club.symbol for club in after] == ["CLUB7", "CLUB8"]
    assert [_without_version(club) for club in after] == [_without_version(c) for c in before]
    assert len(versions) == 1


@pytest.mark.parametrize("trades_later", [False, True])
def test_a_club_in_play_comes_back_with_the_spread_of_play(books, trades_later):
    books.redis.set("lease", "the feed")
    kick_off = IndexChange(idx=7, now_ms=AT_MS, phase=Phase.LIVE)
    books.scripts.index_apply(kick_off, "lease", "the feed")
    books.drain().everything()
    if trades_later:  # the ledger has them, the row of the club does not
        books.some_trades()
        books.drain().facts()
    before = books.hot.instrument(7)
    books.redis.flushdb()

    restored(books)

    after = books.hot.instrument(7)
    assert _without_version(after) == _without_version(before)
    assert after.ask_px - after.mid_px == -(-after.mid_px * 3_000 // 1_000_000)


def _without_version(club):
    return {name: getattr(club, name) for name in club.__slots__ if name != "version"}


def test_trading_goes_on_after_a_loss_and_the_books_agree(books):
    books.redis.flushdb()
    restored(books)

    assert all(isinstance(trade, Filled) for trade in books.some_trades())

    assert books.drain().everything().complete
    assert report_of(books).ok, report_of(books).as_text()
    assert books.differences() == []


def test_facts_that_are_newer_than_the_rows_are_not_forgotten(books):
    books.some_trades()
    books.drain().facts()  # the ledger has them, the rows of states do not
    before = worth(books)
    books.redis.flushdb()

    restored(books)

    assert worth(books) == before
    books.drain().everything()
    assert report_of(books).ok, report_of(books).as_text()


def test_parked_facts_are_not_forgotten(books):
    books.rows("ALTER TABLE trades ADD CONSTRAINT no_more CHECK (user_id <> 2) NOT VALID")
    try:
        trade = books.command(user=2)
        books.scripts.execute([trade])
        books.drain().facts()
        before = worth(books)
        books.redis.flushdb()

        restored(books)

        assert worth(books) == before
        assert isinstance(books.scripts.execute([trade])[0], Replayed)
    finally:
        books.rows("ALTER TABLE trades DROP CONSTRAINT no_more")


def test_a_redis_that_lost_its_last_second_is_brought_forward(books):
    """The state a truncated append-only file leaves: older hashes, the newest facts gone."""
    snapshot = {key: books.redis.dump(key) for key in ("wallet:2", "wallet:0", "hold:2", "inst:8")}
    books.trade(user=2, idx=8)
    books.drain().everything()
    before = worth(books)
    for key, dumped in snapshot.items():
        books.redis.restore(key, 0, dumped, replace=True)
    pretend_restart(books)

    rehydrated = restored(books)

    assert rehydrated.states == 4
    assert worth(books) == before
    books.drain().everything()
    assert report_of(books).ok, report_of(books).as_text()


def test_what_survived_is_left_as_it_is(books):
    books.some_trades()  # not flushed: newer than Postgres
    versions = [books.hot.wallet(user).version for user in books.users]
    pretend_restart(books)

    rehydrated = restored(books)

    assert rehydrated.states == 0
    assert [books.hot.wallet(user).version for user in books.users] == versions
    assert books.drain().everything().complete
    assert report_of(books).ok


def test_a_redis_that_has_not_restarted_is_not_looked_at(books):
    restored(books)
    books.redis.delete("wallet:2")

    assert restored(books) is None


def test_the_first_start_of_all_has_nothing_to_put_back(redis, pg):
    books = Books(redis, pg)

    rehydrated = restored(books)

    assert rehydrated.states == 0
    assert restored(books) is None


def test_versions_of_a_new_epoch_are_above_all_earlier_ones(books):
    highest = 0
    for _ in range(3):
        books.redis.flushdb()
        epoch = restored(books).epoch
        wallet = books.hot.wallet(1)
        assert wallet.version == epoch << EPOCH_BITS > highest
        books.trade(user=1)
        highest = books.hot.wallet(1).version
        books.drain().everything()


def test_an_epoch_is_above_the_versions_of_rows_that_came_from_another_database(books):
    books.rows("UPDATE wallets SET version = %s WHERE user_id = 1", ((1 << 20) << EPOCH_BITS,))
    books.redis.flushdb()

    assert restored(books).epoch > 1 << 20


def test_everything_put_back_is_marked_dirty(books):
    books.redis.flushdb()

    restored(books)

    assert books.redis.smembers(books.keys.dirty(State.WALLETS)) == {"0", "1", "2", "3"}
    assert books.redis.smembers(books.keys.dirty(State.INSTRUMENTS)) == {"7", "8"}
    assert books.redis.scard(books.keys.dirty(State.HOLDINGS)) == 6


def test_a_retry_across_the_loss_is_answered_with_the_first_result(books):
    command = books.command(user=2, key="mine")
    (first,) = books.scripts.execute([command])
    books.drain().everything()
    books.redis.flushdb()
    restored(books)

    (again,) = books.scripts.execute([command])
    other = books.trade(user=2, qty=7, key="mine")

    assert again == Replayed(first.fill)
    assert other == Refused(Refusal.IDEMPOTENCY_KEY_REUSED)


def test_an_order_id_is_remembered_across_the_loss(books):
    command = books.command(user=2)
    books.scripts.execute([command])
    books.drain().everything()
    books.redis.flushdb()

    restored(books)

    assert books.redis.get(books.keys.coid(2, command.client_order_id)) == command.trade_id
    assert 0 < books.redis.ttl(books.keys.idem(2, command.idem_key)) <= 86_400


def test_a_grant_is_not_paid_again_across_the_loss(books):
    before = books.hot.wallet(1).cash_e4
    books.redis.flushdb()
    restored(books)

    books.grant(1)

    assert books.hot.wallet(1).cash_e4 == before
    assert books.redis.ttl(books.keys.idem(1, "welcome:1")) == -1  # kept for ever


def test_settled_matches_are_remembered(books):
    books.rows(
        "INSERT INTO teams (id, name) VALUES (1, 'Home'), (2, 'Away');"
        "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase,"
        " settled_at, updated_at) VALUES"
        " (41, 1, 2, now(), 'FT', 'finished', now(), now()),"
        " (42, 1, 2, now(), 'NS', 'scheduled', NULL, now())"
    )
    books.redis.flushdb()

    restored(books)

    assert books.redis.get(books.keys.settled(41)) == "1"
    assert books.redis.get(books.keys.settled(42)) is None


def test_pushes_are_numbered_on_above_all_that_were_seen(books):
    seen = int(books.redis.get(books.keys.pfseq(1)))
    books.redis.flushdb()
    restored(books)

    books.trade(user=1)

    assert int(books.redis.get(books.keys.pfseq(1))) > seen


def test_a_restart_that_lost_nothing_does_not_read_the_replays_back(books):
    pretend_restart(books)
    idem = books.keys.idem(1, "welcome:1")
    books.redis.hset(idem, "mark", "untouched")

    rehydrated = restored(books)

    assert rehydrated.replays == 0
    assert books.redis.hget(idem, "mark") == "untouched"


def every_replay(books):
    """What makes scripts do nothing twice: fingerprints and order ids by key."""
    found = {}
    for key in books.redis.scan_iter("*"):
        if key.startswith("idem:"):
            found[key] = books.redis.hget(key, "fp")
        elif key.startswith("coid:"):
            found[key] = books.redis.get(key)
    return found


def test_dying_at_any_step_leaves_the_rest_to_the_next_run(books):
    """No state may be back before the replays: it would vouch for them."""
    books.some_trades()
    books.drain().facts()
    before, replays = worth(books), every_replay(books)
    for step in count(1):
        books.redis.flushdb()
        try:
            rehydrate(Countdown(step).guard(books.redis), books.keys, books.pg)
        except Killed:
            restored(books)
        else:
            break

        assert worth(books) == before
        assert every_replay(books) == replays
    assert step > 8  # it did die at every step


def test_a_redis_that_is_emptied_before_it_is_noted_is_not_taken_for_complete(books):
    books.some_trades()
    books.drain().facts()
    looks = []
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg, lambda: looks.append(1))
    last = len(looks)

    def is_emptied_at_last():
        looks.append(1)
        if len(looks) == 2 * last:
            books.redis.flushdb()

    books.redis.flushdb()
    with pytest.raises(Rehydrating):
        rehydrate(books.redis, books.keys, books.pg, is_emptied_at_last)

    assert restored(books) is not None


def test_a_write_that_is_under_way_when_redis_returns_is_waited_for(books, servers):
    """The last trade Redis answered may still be on its way into the ledger."""
    snapshot = {key: books.redis.dump(key) for key in books.redis.scan_iter()}
    (late,) = books.scripts.execute([books.command(user=2)])
    before = worth(books)
    books.redis.flushdb()
    for key, dumped in snapshot.items():
        books.redis.restore(key, 0, dumped, replace=True)
    other = Postgres(servers.database_url, size=1)
    with other.transaction() as cursor:
        show_life(cursor, 0)
        insert_kinds(cursor, [Entry(late.entry_id, late.entry)], lambda *_: None)
        rehydration = gevent.spawn(restored, books)
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        with gevent.Timeout(10):
            while books.rows(waits) == [(0,)]:
                gevent.idle()
    with gevent.Timeout(10):
        rehydrated = rehydration.get()
    other.close()

    assert rehydrated.states == 4
    assert worth(books) == before


def test_what_is_written_first_does_not_lose_what_came_before_it(books):
    """Of two replicas the one with the later fact writes; or an order was released before it."""
    books.trade()
    later = books.trade()
    stretch = Stretch({later.outbox: [Entry(later.entry_id, later.entry)]}, life=0)
    FactWriter(FactSequence(books.redis, books.keys), Ledger(books.pg), 5.0).write(stretch)
    books.redis.flushdb()

    restored(books)

    assert books.drain().everything().complete
    assert report_of(books).ok, report_of(books).as_text()


def test_a_state_that_changed_while_it_was_looked_at_is_left_alone(books):
    script_keys = [books.keys.wallet(1), books.keys.dirty(State.WALLETS)]
    before = books.hot.wallet(1)

    put = LuaScript("state_restore").run(
        books.redis, script_keys, ["1", "v", str(before.version - 1), "cash", "0", "v", "999"]
    )

    assert put == 0
    assert books.hot.wallet(1) == before


LOSSES = st.lists(
    st.sampled_from(["trade", "flush", "facts", "empty", "restart"]), min_size=1, max_size=10
)


@settings(max_examples=20)
@given(steps=LOSSES)
def test_no_order_of_trades_flushes_and_losses_breaks_the_books(books, steps):
    for step in steps:
        match step:
            case "trade":
                books.trade(user=3, qty=5)
            case "flush":
                books.drain().flush()
            case "facts" | "empty" | "restart":
                books.drain().facts()  # what was answered as durable in Postgres is there
                if step == "empty":
                    books.redis.flushdb()
                if step != "facts":
                    pretend_restart(books)
                    restored(books)

    assert books.drain().everything().complete
    assert report_of(books).ok, report_of(books).as_text()
    assert books.differences() == []
