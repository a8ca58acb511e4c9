"""Reconcile: honest books pass, whatever moment they are looked at; each kind of lie is found."""

import json
from itertools import count

import gevent
import pytest
from gevent.event import Event
from touchline.store import comparison, files
from touchline.store.ages import Limits
from touchline.store.entries import Entry
from touchline.store.keys import State
from touchline.store.ledger import Ledger
from touchline.store.outbox import Outbox
from touchline.store.reconcile import FACTS_READ, reconcile, repair

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import FILLED, REJECTED, order_entry, spelled, trade_entry
from tests.fakes.failing import Meanwhile

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    """Books after some trading, everything in Postgres."""
    books = Books(redis, pg)
    books.some_trades()
    assert books.drain().everything().complete
    return books


def report_of(books, pause=lambda seconds: None, **limits):
    return reconcile(books.redis, books.keys, books.pg, limits=Limits(**limits), pause=pause)


def failed(books, **limits):
    """Names of the proofs that fail."""
    return {verdict.name for verdict in report_of(books, **limits).verdicts if not verdict.ok}


def offenders(books, name):
    (verdict,) = [each for each in report_of(books).verdicts if each.name == name]
    return verdict.offenders


def test_honest_books_pass_every_proof(books):
    report = report_of(books)

    assert report.ok, report.as_text()
    assert [verdict.name for verdict in report.verdicts] == [
        "money",
        "wallets",
        "holdings",
        "versions",
        "chain",
        "shares",
        "trades",
        "keys",
        "bases",
        "orders",
        "waiting",
        "positions",
        "events",
        "margins",
        "redis",
        "files",
        "reserved",
        "ages",
    ]


def test_empty_books_pass(redis, pg):
    assert reconcile(redis, Books(redis, pg).keys, pg).ok


def test_books_that_are_only_half_flushed_pass(books):
    books.some_trades()
    books.drain().facts()

    assert failed(books) == set()


def test_a_trade_whose_neighbours_in_the_stream_are_in_postgres_already_passes(books):
    trades = books.some_trades()
    outbox = Outbox(books.redis, books.keys.trade_outbox)
    entries = outbox.read(100)
    late = entries[4:]
    Ledger(books.pg).insert_facts(late, 0)
    books.redis.xdel(books.keys.trade_outbox, *(entry.id for entry in late))

    assert len(entries) == len(trades)
    assert failed(books) == set()


def test_facts_made_after_it_began_are_not_missed_when_only_some_of_them_are_written(books):
    def two_trades_of_which_the_second_is_written_first():
        first, second = books.trade(), books.trade(user=2)
        Ledger(books.pg).insert_facts([Entry(second.entry_id, second.entry)], 0)
        assert first.entry["tv"] < second.entry["tv"]

    pg = Meanwhile(books.pg, "transaction", two_trades_of_which_the_second_is_written_first)

    report = reconcile(books.redis, books.keys, pg)

    assert report.ok, report.as_text()


def test_a_state_flushed_between_the_looks_at_either_side_is_no_difference(books):
    books.trade(user=2)
    client = Meanwhile(books.redis, "smismember", books.drain().flush)

    report = reconcile(client, books.keys, books.pg)

    assert report.ok, report.as_text()


def test_a_parked_fact_is_part_of_the_books(books):
    books.rows("ALTER TABLE trades ADD CONSTRAINT no_more CHECK (user_id <> 2) NOT VALID")
    try:
        books.trade(user=2)
        books.drain().everything()

        assert books.rows("SELECT count(*) FROM trade_outbox") == [(1,)]
        assert failed(books) == set()
    finally:
        books.rows("ALTER TABLE trades DROP CONSTRAINT no_more")


def test_it_passes_at_any_moment_of_trading_and_flushing(books):
    reports, enough = [], Event()

    def trade():
        for number in count():
            if enough.is_set():
                return
            books.trade(user=1 + number % 3, idx=7 + number % 2, qty=5)
            gevent.sleep(0)

    def flush():
        while not enough.is_set():
            books.drain().flush()
            gevent.sleep(0)

    both = [gevent.spawn(trade), gevent.spawn(flush)]
    for _ in range(8):
        reports.append(report_of(books))
    enough.set()
    gevent.joinall(both, raise_error=True)

    assert books.rows("SELECT count(*) > 8 FROM trades") == [(True,)]
    wrong = [verdict for report in reports for verdict in report.verdicts if not verdict.ok]
    assert [(verdict.name, verdict.offenders[:3]) for verdict in wrong] == []


TAMPERINGS = [
    ("money", "UPDATE wallet_ledger SET cash_after_e4 = cash_after_e4 + 1 WHERE user_id = 1"
              ";UPDATE trades SET cash_after_e4 = cash_after_e4 + 1 WHERE user_id = 1"),
    ("wallets", "UPDATE wallets SET cash_e4 = cash_e4 + 1 WHERE user_id = 2"),
    ("wallets", "UPDATE wallets SET locked_e4 = 1 WHERE user_id = 2"),
    ("wallets", "UPDATE wallets SET version = version - 1 WHERE user_id = 0"),
    ("holdings", "UPDATE holdings SET cost_e4 = cost_e4 + 1 WHERE user_id = 2 AND idx = 8"),
    ("holdings", "UPDATE holdings SET qty = qty + 1 WHERE user_id = 2 AND idx = 8"),
    ("versions", "DELETE FROM trades WHERE user_id = 2 AND idx = 8"),
    ("versions", "DELETE FROM wallet_ledger WHERE user_id = 3"),
    ("versions", "UPDATE trades SET wallet_version = wallet_version + 1 WHERE user_id = 2"
                 " AND side = 'sell'"),
    ("chain", "UPDATE trades SET value_e4 = value_e4 + 1 WHERE user_id = 2 AND idx = 8"),
    ("chain", "UPDATE trades SET qty = qty + 1 WHERE user_id = 2 AND idx = 8"),
    ("chain", "UPDATE wallet_ledger SET amount_e4 = amount_e4 * 2 WHERE user_id = 2"),
    ("shares", "UPDATE instruments SET inventory = inventory + 1 WHERE idx = 8"),
    ("shares", "UPDATE holdings SET qty = qty - 1 WHERE user_id = 1 AND idx = 8"),
    ("trades", "UPDATE trades SET px = px + 1000 WHERE user_id = 2 AND idx = 8"),
    ("trades", "UPDATE trades SET realized_e4 = realized_e4 + 1 WHERE side = 'sell'"),
    ("trades", "UPDATE trades SET realized_e4 = 1 WHERE side = 'buy' AND user_id = 2"),
    ("keys", "UPDATE trades SET idem_key = 'one' WHERE user_id = 2 AND idx = 7"),
]  # fmt: skip


@pytest.mark.parametrize(("proof", "tampering"), TAMPERINGS)
def test_tampering_with_postgres_is_found(books, proof, tampering):
    books.rows(tampering)

    assert proof in failed(books)


def test_a_key_used_again_after_a_day_is_no_offence(books):
    books.rows("UPDATE trades SET idem_key = 'one' WHERE user_id = 2 AND idx = 7")
    books.rows("UPDATE trades SET recorded_at = now() - INTERVAL '25 hours' WHERE side = 'buy'")

    assert failed(books) == set()


def test_the_offender_is_named(books):
    books.rows("UPDATE wallets SET cash_e4 = cash_e4 + 5 WHERE user_id = 2")

    (offender,) = offenders(books, "wallets")

    assert offender["user_id"] == 2
    assert offender["cash_e4"] == offender["postings_e4"] + 5
    assert "user_id=2" in report_of(books).as_text()


@pytest.mark.parametrize(
    ("key", "field", "member"),
    [("wallet:2", "cash", "2"), ("hold:2", "8", "2:8"), ("inst:8", "q", "8")],
)
def test_tampering_with_redis_is_found(books, key, field, member):
    books.redis.hincrby(key, field, 1)

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == (member, "unequal at the same version")


def test_a_key_of_another_type_is_found_and_named(books):
    books.redis.set("wallet:2", "x")

    (offender,) = offenders(books, "redis")

    assert offender["finding"] == "unreadable"
    assert "wallet:2" in offender["error"]


@pytest.mark.parametrize("version", ["abc", "nan", "3.0", "-1", "٣"])
@pytest.mark.parametrize(
    ("key", "field", "member"),
    [
        ("wallet:0", "v", "0"),
        ("wallet:2", "v", "2"),
        ("hold:2", "v:8", "2:8"),
        ("inst:8", "v", "8"),
    ],
)
def test_a_version_that_is_no_number_is_named(books, key, field, member, version):
    books.redis.hset(key, field, version)

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == (member, "unreadable in redis")


@pytest.mark.parametrize(("key", "member"), [("wallet:abc", "abc"), ("hold:abc", "abc:8")])
def test_a_state_of_nobody_is_named(books, key, member):
    books.redis.hset(key, mapping={"v": "1", "v:8": "1", "8": "5"})

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == (member, "unreadable in redis")


def test_bytes_that_are_no_text_are_found_and_named(books):
    books.redis.hset("wallet:2", "cash", b"\xff")

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == ("2", "unequal at the same version")
    assert offender["columns"] == ("cash_e4",)


def test_a_stream_of_another_type_is_found_and_named(books):
    books.redis.set(books.keys.trade_outbox, "x")

    (offender,) = offenders(books, "ages")

    assert offender["finding"] == "unreadable"
    assert "WRONGTYPE" in offender["error"]


def test_a_treasury_of_another_type_is_found_and_named(books):
    books.redis.set("wallet:0", "x")

    (offender,) = offenders(books, "redis")

    assert "wallet:0" in offender["error"]


def test_equal_books_have_equal_hashes_on_both_sides_until_one_changes(books):
    first, again = report_of(books).state_hashes, report_of(books).state_hashes
    books.redis.hincrby("wallet:2", "cash", 1)
    changed = report_of(books).state_hashes

    assert first == again
    assert first["redis"] == first["postgres"] == changed["postgres"]
    assert changed["redis"] != first["redis"]


def test_a_forgotten_mark_of_a_state_that_was_never_flushed_is_found(redis, pg):
    books = Books(redis, pg)
    books.trade(idx=8)
    books.redis.delete(*(books.keys.dirty(state) for state in State))

    found = {each["member"]: each["finding"] for each in offenders(books, "redis")}

    assert set(found) == {"7", "8", "0", "1", "2", "3", "1:8"}
    assert set(found.values()) == {"redis is newer and not marked dirty"}


def test_tampering_with_a_position_that_is_over_is_found_as_long_as_redis_has_it(books):
    over = books.close(books.open())
    books.drain().everything()
    books.redis.hincrby(books.keys.pos(over.id), "fees", 1)

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["columns"]) == (over.id, ("fees_e4",))


@pytest.mark.parametrize("page", [1, 2, 3])
def test_books_of_many_pages_are_compared_to_their_end(books, monkeypatch, page):
    books.some_positions()
    books.drain().everything()
    whole = report_of(books)
    for module in (comparison, files):
        monkeypatch.setattr(module, "CHUNK", page)

    assert report_of(books) == whole
    assert whole.ok

    books.redis.hincrby("hold:3", "c:8", 1)
    books.redis.hset("wallet:9", mapping={"cash": "5", "locked": "0", "v": "1"})

    assert [(each["member"], each["finding"]) for each in offenders(books, "redis")] == [
        ("9", "redis is newer and not marked dirty"),
        ("3:8", "unequal at the same version"),
    ]


def test_a_state_redis_has_lost_is_found(books):
    books.redis.delete("wallet:2")

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == ("2", "postgres is newer")


def test_a_forgotten_mark_is_found_and_repaired_by_marking(books):
    books.trade(user=2, idx=8)
    books.redis.delete(*(books.keys.dirty(state) for state in State))

    report = report_of(books)
    assert {each["member"] for each in offenders(books, "redis")} == {"8", "0", "2", "2:8"}

    assert repair(books.redis, books.keys, report) == 4
    books.drain().everything()
    assert failed(books) == set()


def test_repair_touches_no_money(books):
    books.redis.hincrby("wallet:2", "cash", 1)

    assert repair(books.redis, books.keys, report_of(books)) == 0
    assert "redis" in failed(books)


def a_fact_of(books, ago_s):
    """The only one in the stream."""
    seconds, _ = books.redis.time()
    books.redis.delete(books.keys.trade_outbox)
    entry_id, fact = f"{(seconds - ago_s) * 1000}-0", spelled({"k": "trade", "tv": "1"})
    books.redis.xadd(books.keys.trade_outbox, fact, id=entry_id)


def test_a_fact_that_waits_too_long_is_found(books):
    a_fact_of(books, ago_s=90)

    assert failed(books) == {"ages"}
    assert failed(books, outbox_s=120) == set()


def test_a_fact_that_looks_late_after_the_machine_stood_still_passes_as_it_leaves(books):
    a_fact_of(books, ago_s=150)

    def leave(seconds):
        books.redis.xtrim(books.keys.trade_outbox, maxlen=0)

    assert report_of(books, pause=leave).ok


def test_a_late_fact_is_waited_for_no_longer_than_the_grace(books):
    a_fact_of(books, ago_s=90)
    waited = []

    assert not report_of(books, pause=waited.append, grace_s=7).ok
    assert sum(waited) == pytest.approx(7)


@pytest.mark.parametrize(
    "ageing",
    ["attempts = 10", "created_at = now() - INTERVAL '2 hours'", "malformed = true"],
)
def test_a_fact_parked_for_too_long_is_found(books, ageing):
    Ledger(books.pg).insert_facts([trade_entry(1, user=99)], 0)
    assert "ages" not in failed(books)

    books.rows(f"UPDATE trade_outbox SET {ageing}")

    assert "ages" in failed(books)


def test_the_report_of_broken_books_can_be_sent_as_json(books):
    books.rows("UPDATE wallets SET cash_e4 = cash_e4 + 5 WHERE user_id = 2")
    books.redis.delete("hold:1")

    told = json.loads(json.dumps(report_of(books).as_dict()))

    assert told["ok"] is False
    assert {proof["name"] for proof in told["proofs"] if not proof["ok"]} == {"wallets", "redis"}


def an_order(books, **changes):
    """The record of an order of user 1, in Postgres."""
    Ledger(books.pg).insert_facts([order_entry(1, **changes)], 0)


def test_an_order_that_is_filled_and_has_no_trade_is_found(books):
    an_order(books, **FILLED)

    (offender,) = offenders(books, "orders")
    assert (offender["status"], offender["made"]) == ("filled", False)


def test_an_order_that_is_filled_by_what_is_on_its_way_passes(books):
    an_order(books, **FILLED)
    [(order_id,)] = books.rows("SELECT id::text FROM orders")
    waited = []

    def arrive(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            Ledger(books.pg).insert_facts([trade_entry(1, id=order_id)], 0)

    report = report_of(books, pause=arrive, grace_s=20)

    assert "orders" in {verdict.name for verdict in report.verdicts if verdict.ok}
    assert waited == [2, 2, 2]


def test_an_order_that_is_filled_by_a_parked_trade_passes(books):
    an_order(books, **FILLED)
    [(order_id,)] = books.rows("SELECT id::text FROM orders")
    Ledger(books.pg).insert_facts([trade_entry(1, user=99, id=order_id)], 0)
    books.rows('UPDATE trade_outbox SET payload = payload || \'{"uid": "1"}\'')

    assert "orders" not in failed(books)


def test_an_order_that_is_rejected_and_has_a_trade_is_found(books):
    [(trade,)] = books.rows("SELECT id::text FROM trades LIMIT 1")
    an_order(books, id=trade, **REJECTED)

    (offender,) = offenders(books, "orders")
    assert (offender["order"], offender["made"]) == (trade, True)


@pytest.mark.parametrize(("age_s", "late"), [(64, False), (66, True)])
def test_an_order_that_still_waits_a_minute_after_its_release_is_found(books, age_s, late):
    an_order(books)  # released after 5 s
    books.rows("UPDATE orders SET recorded_at = now() - %s * INTERVAL '1 second'", (age_s,))
    books.rows("UPDATE instruments SET updated_at = now()")

    assert ("waiting" in failed(books)) is late


def test_an_order_that_waits_since_everything_was_stopped_passes(books):
    an_order(books)
    books.rows("UPDATE orders SET recorded_at = now() - INTERVAL '8 hours'")
    books.rows("UPDATE instruments SET updated_at = now() - INTERVAL '8 hours'")

    assert "waiting" not in failed(books)


def test_facts_of_orders_in_the_stream_do_not_hide_a_trade_behind_them(books):
    for number in range(2 * FACTS_READ):
        entry = order_entry(number)
        books.redis.xadd(books.keys.trade_outbox, spelled(entry.fields))
    first, second = books.trade(), books.trade(user=2)
    Ledger(books.pg).insert_facts([Entry(second.entry_id, second.entry)], 0)

    assert first.entry["tv"] < second.entry["tv"]
    assert failed(books) == set()


def test_a_trade_missing_before_facts_of_orders_is_found(books):
    first, _ = books.trade(), books.trade(user=2)
    books.drain().everything()
    books.rows("DELETE FROM trades WHERE id = %s", (first.fill.trade_id,))
    books.redis.xadd(books.keys.trade_outbox, spelled(order_entry().fields))

    assert "versions" in failed(books)
