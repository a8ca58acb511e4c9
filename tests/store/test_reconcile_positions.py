"""Reconcile on books with positions: honest ones pass at any moment; each kind of lie is found."""

from dataclasses import replace
from itertools import count

import gevent
import pytest
from gevent.event import Event
from touchline.store.ages import Limits
from touchline.store.entries import Entry
from touchline.store.keys import OutboxName, State
from touchline.store.ledger import Ledger
from touchline.store.reconcile import reconcile, repair

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import spelled
from tests.fakes.failing import Meanwhile

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    """Books with trades and positions, everything in Postgres."""
    books = Books(redis, pg)
    books.some_trades()
    books.some_positions()
    assert books.drain().everything().complete
    return books


def report_of(books, **limits):
    return reconcile(
        books.redis, books.keys, books.pg, limits=Limits(**limits), pause=lambda seconds: None
    )


def failed(books):
    return {verdict.name for verdict in report_of(books).verdicts if not verdict.ok}


def offenders(books, name):
    (verdict,) = [each for each in report_of(books).verdicts if each.name == name]
    return verdict.offenders


def test_honest_books_pass_every_proof(books):
    report = report_of(books)

    assert report.ok, report.as_text()


def test_books_whose_events_are_in_postgres_and_whose_states_are_not_pass(books):
    books.some_positions()
    books.drain().facts()

    assert failed(books) == set()


def test_an_event_that_is_in_postgres_before_the_one_before_it_passes(books):
    opened = books.open(user=3)
    (closing,) = books.scripts.execute([books.close_command(opened, 10)])
    Ledger(books.pg).insert_facts([Entry(closing.entry_id, closing.entry)], 0)
    books.redis.xdel(books.keys.outbox(OutboxName.POSITIONS), closing.entry_id)

    assert failed(books) == set()


def test_a_fact_of_either_stream_that_waits_holds_back_the_proofs_about_both(books):
    trade, opened = books.trade(user=1), books.open(user=2)
    books.drain().outboxes[OutboxName.POSITIONS].facts()

    assert failed(books) == set()
    books.trade(user=1)
    books.close(opened)
    books.drain().outboxes[OutboxName.TRADES].facts()
    assert failed(books) == set()
    assert trade.entry["k"] == "trade"


def test_parked_events_are_part_of_the_books(books):
    books.rows("ALTER TABLE cfd_events ADD CONSTRAINT no_more CHECK (user_id <> 2) NOT VALID")
    try:
        books.close(books.open(user=2), 10)
        books.drain().everything()

        assert books.rows("SELECT count(*) FROM position_outbox") == [(2,)]
        assert failed(books) == set()
    finally:
        books.rows("ALTER TABLE cfd_events DROP CONSTRAINT no_more")


def test_a_closed_position_that_redis_has_forgotten_is_no_offence(books):
    before = report_of(books).state_hashes
    for position in books.positions():
        if not position.qty:
            books.redis.delete(books.keys.pos(position.id))

    assert failed(books) == set()
    assert report_of(books).state_hashes == before


class Forgetful:
    """*client*, which forgets *key* as soon as all keys of its kind have been listed."""

    def __init__(self, client, key):
        self._client = client
        self._key = key

    def __getattr__(self, name):
        return getattr(self._client, name)

    def scan_iter(self, pattern, count):
        yield from self._client.scan_iter(pattern, count=count)
        if self._key.startswith(pattern.rstrip("*")):
            self._client.delete(self._key)


def test_a_closed_position_that_redis_forgets_between_the_looks_is_no_offence(books):
    ended = next(each for each in books.positions() if not each.qty)
    client = Forgetful(books.redis, books.keys.pos(ended.id))

    report = reconcile(client, books.keys, books.pg)

    assert report.ok, report.as_text()


def test_it_passes_at_any_moment_of_opening_closing_and_flushing(books):
    enough = Event()

    def deal():
        for number in count():
            if enough.is_set():
                return
            opened = books.open(user=1 + number % 3, side=("long", "short")[number % 2])
            part = books.close(opened, 10)
            gevent.sleep(0)
            books.close(part)

    def flush():
        while not enough.is_set():
            books.drain().flush()
            gevent.sleep(0)

    both = [gevent.spawn(deal), gevent.spawn(flush)]
    reports = [report_of(books) for _ in range(5)]
    enough.set()
    gevent.joinall(both, raise_error=True)

    assert [report.as_text() for report in reports if not report.ok] == []


def test_a_position_closed_between_the_looks_is_not_misfiled(books):
    position = next(each for each in books.positions() if each.qty)
    client = Meanwhile(books.redis, "zrange", lambda: books.close(position))

    report = reconcile(client, books.keys, books.pg)

    assert report.ok, report.as_text()


ONE = "(SELECT id FROM cfd_positions WHERE closed_at IS NULL ORDER BY id LIMIT 1)"
OPENING = f"position_id = {ONE} AND kind = 'open'"
CLOSE = "id = (SELECT id FROM cfd_events WHERE kind = 'close' ORDER BY id LIMIT 1)"
TAMPERINGS = [
    ("money", "UPDATE cfd_events SET locked_after_e4 = locked_after_e4 + 1"),
    ("wallets", "UPDATE wallets SET locked_e4 = locked_e4 + 1, cash_e4 = cash_e4 - 1"
                " WHERE user_id = 2"),
    ("versions", f"DELETE FROM cfd_events WHERE {OPENING}"),
    ("chain", f"UPDATE cfd_events SET margin_moved_e4 = margin_moved_e4 + 1 WHERE {CLOSE}"),
    ("chain", f"UPDATE cfd_events SET pnl_e4 = pnl_e4 + 1 WHERE {CLOSE}"),
    ("chain", f"UPDATE cfd_events SET fee_e4 = fee_e4 + 1 WHERE {OPENING}"),
    ("chain", f"UPDATE cfd_events SET locked_after_e4 = locked_after_e4 + 1 WHERE {OPENING}"),
    ("chain", f"UPDATE cfd_events SET inventory_after = inventory_after + 1 WHERE {OPENING}"),
    ("chain", "UPDATE cfd_events SET short_interest_after = short_interest_after + 1"
              " WHERE side = 'short' AND kind = 'open' AND user_id = 2"),
    ("shares", "UPDATE instruments SET short_interest = short_interest + 1 WHERE idx = 8"),
    ("shares", "UPDATE instruments SET inventory = inventory + 1 WHERE idx = 7"),
    ("shares", f"UPDATE cfd_events SET qty = qty + 1 WHERE {OPENING}"),
    ("keys", f"UPDATE cfd_events SET idem_key = 'key-1', user_id = 1 WHERE {OPENING}"),
    ("positions", f"UPDATE cfd_positions SET qty = qty + 1 WHERE id = {ONE}"),
    ("positions", f"UPDATE cfd_positions SET sl_px = coalesce(sl_px, 0) + 1 WHERE id = {ONE}"),
    ("positions", f"UPDATE cfd_positions SET number = number + 1 WHERE id = {ONE}"),
    ("positions", f"UPDATE cfd_positions SET version = 0 WHERE id = {ONE}"),
    ("positions", f"DELETE FROM cfd_positions WHERE id = {ONE}"),
    ("positions", "UPDATE cfd_positions SET closed_at = now() WHERE closed_at IS NOT NULL"),
    ("events", f"UPDATE cfd_events SET number = number + 5 WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET kind = 'change' WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET qty_after = qty_after + 1 WHERE {OPENING}"),
    ("events", f"UPDATE cfd_events SET px = px + 1000 WHERE {OPENING}"),
    ("events", f"UPDATE cfd_events SET px = px + 1000 WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET entry_px = entry_px + 1 WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET qty_open = qty_open + 1 WHERE {OPENING}"),
    ("events", f"UPDATE cfd_events SET open_value_e4 = open_value_e4 + 1 WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET margin_e4 = margin_e4 + 1 WHERE {OPENING}"),
    ("events", f"UPDATE cfd_events SET shortfall_e4 = shortfall_e4 + 1 WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET fees_e4 = fees_e4 + 1 WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET realized_e4 = realized_e4 + 1 WHERE {CLOSE}"),
    ("events", f"UPDATE cfd_events SET liq_px = liq_px + 1 WHERE {OPENING}"),
    ("events", "UPDATE cfd_events SET closed_at = NULL WHERE closed_at IS NOT NULL"),
    ("events", "UPDATE cfd_events SET close_reason = 'liquidation' WHERE closed_at IS NOT NULL"),
    ("events", "UPDATE cfd_events SET fee_e4 = value_e4 WHERE kind = 'close'"),
    ("margins", f"UPDATE cfd_events SET margin_e4 = margin_e4 + 1 WHERE position_id = {ONE}"),
]  # fmt: skip


@pytest.mark.parametrize(("proof", "tampering"), TAMPERINGS)
def test_tampering_with_postgres_is_found(books, proof, tampering):
    books.rows(tampering)

    assert proof in failed(books)


def test_an_event_after_the_close_is_found(books):
    """What the constraint on numbers would have parked, if it had another number."""
    ended = next(each for each in books.positions() if not each.qty)
    books.redis.hset(books.keys.pos(ended.id), mapping={"qty": "5", "margin": "5", "oval": "10"})
    books.close(replace(ended, qty=5))
    books.drain().everything()

    found = {(each["number"], each["what"]) for each in offenders(books, "events")}

    assert (ended.number + 1, "after its end") in found


@pytest.mark.parametrize("field", ["qty", "margin", "liq", "best", "cs", "no"])
def test_tampering_with_a_position_in_redis_is_found(books, field):
    position = next(each for each in books.positions() if each.qty)
    books.redis.hincrby(books.keys.pos(position.id), field, 1) if field != "best" else (
        books.redis.hset(books.keys.pos(position.id), field, "1")
    )

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == (position.id, "unequal at the same version")


@pytest.mark.parametrize("name", ["abc", "01a16e71"])
def test_a_position_of_no_such_name_is_named(books, name):
    books.redis.hset(books.keys.pos(name), mapping={"v": "1"})

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == (name, "unreadable in redis")


def test_an_open_position_that_redis_has_lost_is_found(books):
    position = next(each for each in books.positions() if each.qty)
    books.redis.delete(books.keys.pos(position.id))

    (offender,) = offenders(books, "redis")

    assert (offender["member"], offender["finding"]) == (position.id, "postgres is newer")
    assert {each["finding"] for each in offenders(books, "files")} == {
        "filed, but no position",
        "exposure",
    }


def misfile(books, position):
    """Every way to file the open long *position* wrongly."""
    trigs = books.keys.trig(position.idx)
    mark_low = trigs[4]
    return {
        "user": lambda: books.redis.srem(books.keys.open_by_user(position.user), position.id),
        "club": lambda: books.redis.srem(books.keys.open_by_club(position.idx), position.id),
        "missing level": lambda: books.redis.zrem(mark_low, position.id),
        "wrong level": lambda: books.redis.zadd(mark_low, {position.id: 1}),
        "one level too many": lambda: books.redis.zadd(trigs[2], {position.id: 1}),
        "exposure": lambda: books.redis.hincrby(books.keys.hold(position.user), "l:7", 1),
        "exposure elsewhere": lambda: books.redis.hset(books.keys.hold(position.user), "s:7", 3),
    }


@pytest.mark.parametrize(
    "how",
    ["user", "club", "missing level", "wrong level", "one level too many", "exposure",
     "exposure elsewhere"],
)  # fmt: skip
def test_a_position_filed_wrongly_is_found_and_named(books, how):
    position = next(each for each in books.positions() if each.qty and each.idx == 7)
    misfile(books, position)[how]()

    found = offenders(books, "files")

    assert failed(books) == {"files"}
    assert {each.get("position", each.get("user")) for each in found} <= {
        position.id,
        position.user,
    }


def test_a_closed_position_that_is_still_filed_is_found(books):
    ended = next(each for each in books.positions() if not each.qty)
    books.redis.sadd(books.keys.open_by_user(ended.user), ended.id)
    books.redis.zadd(books.keys.trig(ended.idx)[0], {"nobody": 5})

    assert {(each["position"], each["finding"]) for each in offenders(books, "files")} == {
        (ended.id, "filed wrongly"),
        ("nobody", "filed, but no position"),
    }


def test_a_forgotten_mark_is_found_and_repaired_by_marking(books):
    position = next(each for each in books.positions() if each.qty)
    books.restop(position, None)
    books.drain().facts()  # which writes its row; the mark is for what follows
    books.redis.hincrby(books.keys.pos(position.id), "v", 1)
    books.redis.delete(books.keys.dirty(State.POSITIONS))

    report = report_of(books)

    assert [each["member"] for each in offenders(books, "redis")] == [position.id]
    assert repair(books.redis, books.keys, report) == 1
    books.drain().everything()
    assert failed(books) == set()


@pytest.mark.parametrize(
    "ageing", ["attempts = 10", "created_at = now() - INTERVAL '2 hours'", "malformed = true"]
)
def test_an_event_parked_for_too_long_is_found(books, ageing):
    books.grant(9)  # whom Postgres does not know
    books.open(user=9)
    books.drain().everything()
    assert "ages" not in failed(books)

    books.rows(f"UPDATE position_outbox SET {ageing}")

    (offender,) = offenders(books, "ages")
    assert offender["where"] == "table position_outbox"


def test_an_event_that_waits_too_long_is_found(books):
    seconds, _ = books.redis.time()
    outbox = books.keys.outbox(OutboxName.POSITIONS)
    books.redis.delete(outbox)
    books.redis.xadd(outbox, spelled({"k": "open", "tv": "1"}), id=f"{(seconds - 90) * 1000}-0")

    (offender,) = offenders(books, "ages")

    assert offender["where"] == "stream position_outbox"
