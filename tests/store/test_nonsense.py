"""What no script adds to a stream: it is parked where a person sees it, and in nobody's way."""

import os

import pytest
from touchline.store.entries import Entry
from touchline.store.fact_drain import FACT_BATCH, FactDrain
from touchline.store.fact_writer import FactWriter
from touchline.store.keys import OutboxName
from touchline.store.ledger import Ledger
from touchline.store.life import Superseded, life_of
from touchline.store.reconcile import reconcile
from touchline.store.redis_client import raw_reply
from touchline.store.rehydrate import rehydrate
from touchline.store.sequence import FactSequence, Stretch

from tests.fakes.clock import FakeClock
from tests.fakes.facts import grant_entry, order_entry, spelled, trade_entry

pytestmark = pytest.mark.external


def add(books, fields, name=OutboxName.TRADES, entry_id="*"):
    return books.redis.xadd(books.keys.outbox(name), fields, id=entry_id)


def parked(books):
    return [payload for (payload,) in books.rows("SELECT payload FROM trade_outbox ORDER BY id")]


def made(trade):
    """What has just been made, as its maker hands it on."""
    entries = {trade.outbox: [Entry(trade.entry_id, trade.entry)]}
    return Stretch(entries, life_of(int(trade.entry["turn"])))


def waiting(books):
    return sum(map(FactSequence(books.redis, books.keys).waiting, OutboxName))


def ahead(books, by=1):
    """A turn that nobody has had."""
    version, records = books.redis.hmget(books.keys.wallet(0), "v", "rec")
    return str(int(version) + int(records or 0) + by)


NONSENSE = {
    "no kind": {"a": "b"},
    "NUL in a name": {"a\0b": "c"},
    "NUL in the name of a kind": {"k": "trade", "\0": ""},
    "no UTF-8": {"k": "trade", b"\xff": b"\x80abc"},
    "no UTF-8 kind": {"k": b"\xc3\x28"},
    "half a surrogate": {"k": "grant", "note": b"\xed\xa0\x80"},
    "no JSON": {"fact": "k"},
    "no list": {"fact": '{"k":"trade"}'},
    "no texts": {"fact": '["k",1]'},
    "no pairs": {"fact": '["k"]'},
    "no UTF-8 in JSON": {"fact": b'["k","\xff"]'},
    "half a surrogate in JSON": {"fact": '["k","grant","note","\\ud800"]'},
    "NUL in JSON": {"fact": '["k","trade","\\u0000","\\u0000"]'},
    "two facts": {**spelled(trade_entry(1).fields), "and": "another"},
    "no field of it": spelled({"k": "trade", "id": "1"}),
    "a key that no index takes": spelled(
        {**grant_entry().fields, "turn": "1", "idem": os.urandom(4000).hex()}
    ),
    "nested without end": spelled({**order_entry().fields, "turn": "1", "pay": "[" * 100_000}),
}


@pytest.mark.parametrize("fields", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("name", OutboxName)
def test_nonsense_is_parked_and_what_is_sound_before_and_behind_it_goes_on(books, fields, name):
    books.trade()
    add(books, fields, name)
    books.trade(user=2)
    books.open()

    oldest_s = [outbox.oldest_s() for outbox in books.drain().outboxes.values()]
    run = books.drain().facts()

    assert len(oldest_s) == 2
    assert (run.moved, run.complete) == (4, True)
    assert waiting(books) == 0
    assert len(parked(books)) == 1
    assert books.rows("SELECT count(*) FROM trades") == [(2,)]
    assert books.rows("SELECT count(*) FROM cfd_events") == [(1,)]


def test_bytes_that_are_no_text_are_spelled_out(books):
    add(books, {"k": "rumour", b"\xff": b"\x80abc"})

    books.drain().facts()

    assert parked(books) == [{"k": "rumour", "\\xff": "\\x80abc"}]


def test_a_state_of_bytes_that_are_no_text_is_refused_and_holds_up_no_other(books):
    books.trade()
    books.trade(user=2)
    books.redis.hset(books.keys.wallet(2), "cash", b"\xff")

    flushed = books.drain().flush()

    assert [member for _, member in flushed.refusals] == ["2"]
    assert flushed.acked == flushed.peeked - 1


def test_nonsense_with_one_id_in_both_streams_is_parked_twice(books):
    for name in OutboxName:
        add(books, {"k": "rumour", "in": name.value}, name, "99999999999999-1")

    books.drain().facts()

    assert sorted(payload["in"] for payload in parked(books)) == sorted(
        name.value for name in OutboxName
    )


def test_nonsense_that_bears_the_id_of_a_fact_takes_no_place_of_it(books):
    """Both are refused, each for a reason of its own."""
    trade = books.trade()
    books.rows("ALTER TABLE trades ADD CONSTRAINT no_more CHECK (user_id <> 1) NOT VALID")
    torn = {name: value for name, value in trade.entry.items() if name != "tcash"}
    books.redis.delete(books.keys.trade_outbox)
    add(books, spelled(torn))
    add(books, spelled(trade.entry))

    try:
        books.drain().facts()
    finally:
        books.rows("ALTER TABLE trades DROP CONSTRAINT no_more")

    assert sorted(map(len, parked(books))) == [len(torn), len(trade.entry)]
    assert books.rows("SELECT id::text FROM trade_outbox WHERE NOT malformed") == [
        (trade.fill.trade_id,)
    ]


@pytest.mark.parametrize("by", [1, 2, 1 << 40, 1 << 62], ids=["next", "soon", "later", "never"])
def test_a_fact_that_the_treasury_knows_nothing_of_is_parked_and_stays_out_of_the_books(books, by):
    trade = books.trade()
    false = {**trade.entry, "id": trade.entry["id"][:-4] + "0000", "turn": ahead(books, by)}
    add(books, spelled(false))

    run = books.drain().facts()
    books.rows("UPDATE trade_outbox SET next_retry_at = now()")
    retried = [outbox.retry_parked() for outbox in books.drain().outboxes.values()]

    assert (run.moved, run.complete, waiting(books)) == (2, True, 0)
    assert sum(each.inserted for each in retried) == 0
    assert books.rows("SELECT id::text FROM trades") == [(trade.fill.trade_id,)]
    [payload] = parked(books)
    assert payload["id"] == false["id"]
    assert false["turn"] in payload["turn"]
    verdicts = reconcile(books.redis, books.keys, books.pg).verdicts
    assert [verdict.name for verdict in verdicts if not verdict.ok] == ["ages"]  # tells of it


def test_a_batch_of_nothing_else_holds_up_nothing(books):
    entry = {**books.trade().entry, "turn": ahead(books, 1 << 40)}
    books.redis.delete(books.keys.trade_outbox)
    ids = [add(books, spelled(entry)) for _ in range(5)]
    trade = books.trade(user=2)
    sequence = FactSequence(books.redis, books.keys)

    cut = sequence.read({}, 5)
    rest = sequence.read(cut.ends, 5)

    assert [entry.id for entry in cut.facts] == ids
    assert [entry.id for entry in rest.facts] == [trade.entry_id]
    assert (cut.complete, rest.complete) == (False, True)


def test_whoever_writes_behind_it_does_not_take_it_for_the_newest(books):
    """Or facts would be written from then on without those of others before them."""
    writer = FactWriter(FactSequence(books.redis, books.keys), Ledger(books.pg), 5.0)
    add(books, spelled({**books.trade().entry, "turn": ahead(books, 1 << 20)}))
    writer.write(made(books.trade()))
    books.trade(user=2)

    writer.write(made(books.trade(user=3)))

    assert books.rows("SELECT count(*) FROM trades") == [(4,)]


def test_a_fact_that_is_made_while_they_are_read_is_none_of_these(books, monkeypatch):
    first = books.trade()

    def one_by_one(client, commands):
        for number, command in enumerate(commands):
            yield raw_reply(client, *command)
            if number == 0:
                books.trade()

    monkeypatch.setattr("touchline.store.sequence.raw_results", one_by_one)
    sequence = FactSequence(books.redis, books.keys)

    assert [entry.id for entry in sequence.read({}, 10).facts] == [first.entry_id]
    monkeypatch.undo()
    assert books.drain().facts().moved == 2
    assert parked(books) == []


def test_without_a_treasury_nothing_is_judged_by_it(books):
    """What its owner has deleted, or Redis has lost, was made all the same."""
    books.trade()
    books.redis.delete(books.keys.wallet(0))

    assert books.drain().facts().moved == 1
    assert waiting(books) == 0
    assert parked(books) == []


def test_without_a_treasury_nothing_passes_for_what_was_said_in_this_life(books):
    rehydrate(books.redis, books.keys, books.pg)
    books.trade()
    books.redis.delete(books.keys.wallet(0))

    with pytest.raises(Superseded):
        books.drain().facts()
    assert waiting(books) == 1


@pytest.mark.parametrize("behind", [3, FACT_BATCH // 2, FACT_BATCH])
def test_nonsense_with_the_newest_turn_does_not_pass_for_the_end_of_the_facts(books, behind):
    """Nonsense may tell any turn that was had, wherever it lies in the stream."""
    wanted = 2 * FACT_BATCH
    with books.redis.pipeline(transaction=False) as pipe:
        for number in range(3, wanted + 1):  # after three grants
            if number == behind:
                pipe.xadd(
                    books.keys.trade_outbox, spelled({"k": "rumour", "turn": str(wanted + 1)})
                )
            pipe.xadd(books.keys.trade_outbox, spelled(trade_entry(number, user=2).fields))
        pipe.hset(books.keys.wallet(0), "v", wanted + 1)
        pipe.execute()
    clock = FakeClock()  # or the run may end by the clock

    sequence = FactSequence(books.redis, books.keys)
    run = FactDrain(sequence, Ledger(books.pg), clock.monotonic).run()

    assert run.complete
    assert waiting(books) == 0


def test_a_version_that_goes_back_makes_nobody_skip_what_is_before_it(books):
    """At the end of a batch that was cut off, it would pass for where that ends."""
    trades = [books.trade(user=2) for _ in range(3)]
    add(books, spelled({"k": "rumour", "turn": "1"}))
    books.trade(user=3)
    sequence = FactSequence(books.redis, books.keys)

    stretch = sequence.read({}, 4)

    assert [entry.id for entry in stretch.facts][:3] == [trade.entry_id for trade in trades]


@pytest.mark.parametrize(
    "fact",
    [
        {**trade_entry(1, qty="-5").fields, "turn": "1", "coid": None},
        {**grant_entry().fields, "turn": "1", "uid": "999999", "idem": None},
    ],
    ids=["trade", "grant"],
)
def test_a_refused_fact_without_what_may_be_missing_does_not_keep_redis_from_coming_back(
    books, fact
):
    add(books, spelled({name: text for name, text in fact.items() if text is not None}))
    books.drain().facts()
    assert books.rows("SELECT malformed FROM trade_outbox") == [(False,)]
    books.redis.flushdb()

    assert rehydrate(books.redis, books.keys, books.pg)
