"""The facts of both streams in one order: a stretch has no gap, wherever it is cut."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.store.entries import Entry
from touchline.store.keys import Keys, OutboxName
from touchline.store.life import EPOCH_BITS
from touchline.store.sequence import DELETE_CHUNK, FactSequence, Stretch

from tests.fakes.facts import spelled

pytestmark = pytest.mark.external

KEYS = Keys()
TRADES, POSITIONS = OutboxName.TRADES, OutboxName.POSITIONS


@pytest.fixture
def sequence(redis):
    return FactSequence(redis, KEYS)


def add(redis, name, turn=None):
    """A fact whose *turn* it is, the record of an order if that is even; or nonsense."""
    fact = {"k": "trade"} if turn is None else {"k": "trade", "turn": str(turn)}
    if turn is not None:
        records = turn % (1 << 32) // 2
        redis.hset(KEYS.wallet(0), mapping={"v": turn - records, "rec": records})
    return redis.xadd(KEYS.outbox(name), spelled(fact))


def turns(stretch):
    return {
        name: [int(entry.fields["turn"]) for entry in entries if "turn" in entry.fields]
        for name, entries in stretch.entries.items()
    }


def test_all_that_waits_is_one_stretch(redis, sequence):
    for turn, name in enumerate([TRADES, POSITIONS, POSITIONS, TRADES], 1):
        add(redis, name, turn)

    stretch = sequence.read({}, 10)

    assert stretch.complete
    assert turns(stretch) == {TRADES: [1, 4], POSITIONS: [2, 3]}


def test_a_stretch_ends_where_the_shorter_stream_was_cut(redis, sequence):
    for turn in (1, 2, 6, 7):
        add(redis, TRADES, turn)
    for turn in (3, 4, 5, 8):
        add(redis, POSITIONS, turn)

    stretch = sequence.read({}, 3)

    # Trades are known up to 6 and positions up to 5: what is made between may be cut off.
    assert not stretch.complete
    assert turns(stretch) == {TRADES: [1, 2], POSITIONS: [3, 4, 5]}


def test_reading_goes_on_after_what_was_read(redis, sequence):
    for turn, name in enumerate([TRADES, POSITIONS, TRADES, POSITIONS], 1):
        add(redis, name, turn)
    first = sequence.read({}, 10)
    add(redis, POSITIONS, 5)

    assert turns(sequence.read(first.ends, 10)) == {TRADES: [], POSITIONS: [5]}
    assert turns(first.after(first.ends)) == {TRADES: [], POSITIONS: []}


def test_what_tells_no_turn_goes_with_the_fact_before_it(redis, sequence):
    for turn in (None, 1, None, 4, None):
        add(redis, TRADES, turn)
    for turn in (2, 3, 5):
        add(redis, POSITIONS, turn)

    stretch = sequence.read({}, 4)

    assert [len(entries) for entries in stretch.entries.values()] == [4, 2]


def test_deleting_takes_exactly_what_is_named(redis, sequence):
    ids = [add(redis, TRADES, version) for version in range(1, DELETE_CHUNK + 4)]
    kept = add(redis, POSITIONS, 7)

    sequence.delete({TRADES: [*ids[1:], "1-1"], POSITIONS: []}, life=0)

    assert sequence.read({}, 10).ids == {TRADES: ids[:1], POSITIONS: [kept]}


def test_what_was_written_in_another_life_of_redis_is_not_deleted(redis, sequence):
    """Ids are moments of Redis' clock: those of a lost Redis may be given again, to other facts."""
    written = {TRADES: [add(redis, TRADES, (7 << EPOCH_BITS) + 1)]}

    for life in (6, 8):
        sequence.delete(written, life)
    assert sequence.waiting(TRADES) == 1

    sequence.delete(written, life=7)
    assert sequence.waiting(TRADES) == 0


@settings(max_examples=50)
@given(names=st.lists(st.sampled_from(OutboxName), max_size=30), limit=st.integers(1, 7))
def test_whoever_reads_on_reads_every_fact_once_and_none_before_an_older_one(
    redis, sequence, names, limit
):
    redis.flushdb()
    for turn, name in enumerate(names, 1):
        add(redis, name, turn)

    seen, left = [], -1
    while left:
        stretch = sequence.read({}, limit)
        seen.append(sorted(turn for of in turns(stretch).values() for turn in of))
        sequence.delete(stretch.ids, stretch.life)
        left = sum(map(sequence.waiting, OutboxName))
        assert stretch.complete or len(stretch)

    assert [turn for of in seen for turn in of] == list(range(1, len(names) + 1))


@pytest.mark.parametrize(
    ("lasts", "before", "covered"),
    [
        ({TRADES: "5-0"}, {}, True),
        ({TRADES: "4-9"}, {}, True),
        ({TRADES: "5-1"}, {}, False),
        ({TRADES: "10-0"}, {}, False),  # by number, not by letter
        ({TRADES: "5-0", POSITIONS: "3-0"}, {}, False),
        ({TRADES: "5-0", POSITIONS: "3-0"}, {POSITIONS: "3-0"}, True),
        ({}, {}, True),
    ],
)
def test_what_was_cut_covers_what_it_and_those_before_it_reach(lasts, before, covered):
    cut = Stretch({TRADES: [Entry("5-0", {})], POSITIONS: []}, 0, complete=False)

    assert cut.covers(lasts, before) is covered
    assert replace(cut, complete=True).covers(lasts, before)
