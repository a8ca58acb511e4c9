"""The ledger: facts become rows once, and one bad fact holds up none of the others."""

import pytest
from touchline.store.entries import Entry
from touchline.store.keys import OutboxName
from touchline.store.ledger import PIECE, Ledger, TradeCursor
from touchline.store.parked import Parked

from tests.fakes.facts import (
    AT_MS,
    FILLED,
    REJECTED,
    add_instruments,
    add_users,
    grant_entry,
    order_entry,
    trade_entry,
)

pytestmark = pytest.mark.external


@pytest.fixture
def ledger(pg):
    add_users(pg, 1, 2)
    add_instruments(pg, 7, 8)
    return Ledger(pg)


def rows(pg, query):
    with pg.transaction() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_a_trade_is_read_back_as_it_was_executed(ledger):
    entry = trade_entry(1, coid="web-1", fee="12")

    ledger.insert_facts([entry], 0)

    fill = ledger.trade(1, entry.fields["id"])
    assert (fill.px, fill.fee_e4, fill.at_ms, fill.client_order_id) == (
        1_000_000,
        12,
        AT_MS,
        "web-1",
    )
    assert (fill.cash_after_e4, fill.qty_after, fill.cost_after_e4) == (99_000_000, 1000, 1_000_000)
    assert (fill.seq, fill.tick_id) == (1, f"{AT_MS}-1")


def test_a_fact_inserted_twice_is_there_once(ledger, pg):
    entries = [grant_entry(), trade_entry(1), trade_entry(2)]

    ledger.insert_facts(entries, 0)
    parked = ledger.insert_facts(entries, 0)

    assert parked == 0
    assert rows(pg, "SELECT count(*) FROM trades") == [(2,)]
    assert rows(pg, "SELECT count(*) FROM wallet_ledger") == [(1,)]


def test_a_grant_keeps_both_sides_of_its_entry(ledger, pg):
    ledger.insert_facts([grant_entry()], 0)

    assert rows(
        pg,
        "SELECT user_id, counter_user_id, amount_e4, cash_after_e4, treasury_after_e4 "
        "FROM wallet_ledger",
    ) == [(1, 0, 100_000_000, 100_000_000, -100_000_000)]


def test_another_users_trade_is_not_shown(ledger):
    entry = trade_entry(1)
    ledger.insert_facts([entry], 0)

    assert ledger.trade(2, entry.fields["id"]) is None
    assert ledger.trades(2, limit=10) == ()


def test_pages_of_trades_hold_each_trade_once_newest_first(ledger):
    ledger.insert_facts([trade_entry(n, at=str(AT_MS + n // 2)) for n in range(1, 8)], 0)

    seen, before = [], None
    while page := ledger.trades(1, limit=3, before=before):
        seen += page
        before = TradeCursor(page[-1].at_ms, page[-1].trade_id)

    assert len({fill.trade_id for fill in seen}) == len(seen) == 7
    assert [fill.at_ms for fill in seen] == sorted((fill.at_ms for fill in seen), reverse=True)


def test_trades_of_one_instrument_only(ledger):
    ledger.insert_facts([trade_entry(1), trade_entry(2, idx=8)], 0)

    assert [fill.idx for fill in ledger.trades(1, limit=9, idx=8)] == [8]


@pytest.mark.parametrize("bad", range(5))
def test_a_refused_fact_is_parked_and_its_neighbours_are_inserted(ledger, pg, bad):
    entries = [trade_entry(n) for n in range(1, 6)]
    entries[bad] = trade_entry(bad + 1, user=99)  # nobody

    parked = ledger.insert_facts(entries, 0)

    assert parked == 1
    assert rows(pg, "SELECT count(*) FROM trades") == [(4,)]
    assert rows(pg, "SELECT id::text, payload->>'uid', malformed FROM trade_outbox") == [
        (entries[bad].fields["id"], "99", False)
    ]


def test_many_that_are_refused_are_parked_in_pieces_that_a_transaction_has_time_for(pg, ledger):
    refused = [trade_entry(number, idx=99) for number in range(2 * PIECE + 1)]

    parked = ledger.insert_facts([*refused, trade_entry(1000)], 0)

    with pg.transaction() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT next_retry_at) FROM trade_outbox")
        assert cursor.fetchone() == (parked, 3)
    assert (parked, ledger.count_trades()) == (2 * PIECE + 1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": "many"},
        {"qty": "99999999999999999999"},
        {"id": "not-a-uuid"},
        {"k": "rumour"},
        {"coid": "nul\0"},
        {"side": "hold"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_nonsense_in_the_stream_is_parked_not_lost_and_not_fatal(ledger, pg, changes):
    nonsense = trade_entry(1, **changes)

    parked = ledger.insert_facts([nonsense, trade_entry(2)], 0)

    assert parked == 1
    assert rows(pg, "SELECT count(*) FROM trades") == [(1,)]
    assert rows(pg, "SELECT payload->>'idem' FROM trade_outbox") == [("key-1",)]


def test_an_entry_without_a_field_is_parked(ledger, pg):
    whole = trade_entry(1)
    torn = Entry(whole.id, {name: v for name, v in whole.fields.items() if name != "tcash"})

    ledger.insert_facts([torn], 0)

    assert rows(pg, "SELECT malformed, last_error FROM trade_outbox") == [
        (True, "field 'tcash' is missing")
    ]


def test_the_views_read_parked_facts_and_skip_malformed_ones(ledger, pg):
    ledger.insert_facts([trade_entry(1), trade_entry(2, user=99), trade_entry(3, qty="many")], 0)

    postings = rows(pg, "SELECT user_id, version, delta_e4 FROM wallet_postings ORDER BY 1, 2")
    shares = rows(pg, "SELECT user_id, delta_qty FROM share_postings ORDER BY 1")

    assert postings == [
        (0, 2, 1_000_000),
        (0, 3, 1_000_000),
        (1, 2, -1_000_000),
        (99, 3, -1_000_000),
    ]
    assert shares == [(1, 1000), (99, 1000)]


STATUS = "SELECT status, reject_code, reject_details, client_order_id FROM orders"


def changed(entry, **changes):
    return Entry(entry.id + "1", {**entry.fields, **changes})


@pytest.mark.parametrize("end", [FILLED, REJECTED], ids=["filled", "rejected"])
@pytest.mark.parametrize(
    "turns", [[[0, 1]], [[0], [1]], [[1], [0]], [[1, 1]], [[1, 0]], [[0], [1, 0]]]
)
def test_an_order_that_is_done_stays_done_in_whatever_turns_its_facts_come(ledger, pg, turns, end):
    pending = order_entry()
    facts = [pending, changed(pending, **end)]

    for turn in turns:
        assert ledger.insert_facts([facts[n] for n in turn], 0) == 0

    details = {"halt": 4, "phase": "live"} if end is REJECTED else None
    assert rows(pg, STATUS) == [(end["st"], end.get("code"), details, None)]


def test_a_done_order_is_not_done_again_otherwise(ledger, pg):
    pending = order_entry()
    ledger.insert_facts([pending, changed(pending, **FILLED)], 0)

    ledger.insert_facts([changed(pending, **REJECTED)], 0)

    assert rows(pg, STATUS) == [("filled", None, None, None)]


def test_facts_of_one_order_that_are_refused_are_parked_apart_from_each_other_and_its_trade(
    ledger, pg
):
    pending = order_entry(user=9)
    trade = trade_entry(1, user=9, id=pending.fields["id"])

    ledger.insert_facts([pending, trade, changed(pending, **FILLED)], 0)
    ledger.insert_facts([pending, trade, changed(pending, **FILLED)], 0)

    parked = rows(pg, "SELECT payload->>'k', payload->>'st' FROM trade_outbox ORDER BY 1, 2")
    assert parked == [("order", "filled"), ("order", "pending"), ("trade", None)]
    # Neither disturbs those who read what is parked.
    assert rows(pg, "SELECT count(*) FROM wallet_postings WHERE user_id = 9") == [(1,)]
    assert rows(pg, "SELECT count(*) FROM share_postings WHERE user_id = 9") == [(1,)]


def test_parked_facts_of_an_order_find_their_way_in_any_order(ledger, pg):
    pending = order_entry(user=9)
    ledger.insert_facts([pending, changed(pending, **REJECTED)], 0)
    add_users(pg, 9)
    rows(pg, "UPDATE trade_outbox SET next_retry_at = now() - INTERVAL '1 s' RETURNING 1")

    retried = Parked(pg, OutboxName.TRADES).retry()

    assert (retried.inserted, retried.refused) == (2, 0)
    assert rows(pg, STATUS)[0][0] == "rejected"


def test_an_order_whose_terms_are_no_json_is_parked(ledger, pg):
    assert ledger.insert_facts([order_entry(pay="{")], 0) == 1
    assert rows(pg, "SELECT malformed FROM trade_outbox") == [(True,)]
