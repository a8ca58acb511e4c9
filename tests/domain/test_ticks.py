"""Tick ids, and what the feed's changes do to an instrument."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import Instrument, new_instrument, quoted
from touchline.domain.ticks import IndexChange, apply_index, next_tick_id, settled, ticked

from tests.fakes.markets import instruments

IDX = InstrumentIdx(1)
ARS = new_instrument(IDX, "ARS", "Arsenal")


@pytest.mark.parametrize(
    ("last", "now_ms", "following"),
    [
        ("0-0", 1_000, "1000-0"),
        ("1000-0", 1_000, "1000-1"),
        ("1000-9", 999, "1000-10"),
        ("0-0", 0, "0-1"),
    ],
)
def test_the_next_id_is_now_or_just_after_the_last(last: str, now_ms: int, following: str) -> None:
    assert next_tick_id(last, now_ms) == following


@given(st.lists(st.integers(0, 5), min_size=2, max_size=20))
def test_ids_grow_whatever_the_calendar_does(instants: list[int]) -> None:
    ids = ["0-0"]
    for now_ms in instants:
        ids.append(next_tick_id(ids[-1], now_ms))

    places = [tuple(map(int, tick_id.split("-"))) for tick_id in ids]
    assert all(before < after for before, after in pairwise(places))


def test_a_tick_counts_and_dates_the_instrument() -> None:
    once = ticked(ARS, 5_000)

    assert (once.seq, once.version, once.last_tick_id, once.ticked_ms) == (1, 2, "5000-0", 5_000)


def test_a_change_of_nothing_is_the_same_instrument() -> None:
    same = IndexChange(
        idx=IDX, now_ms=1, offset_bps=0, phase=Phase.SCHEDULED, halt=Halt(0), fixture=7
    )

    assert apply_index(ARS, same) is ARS


def test_play_that_begins_or_ends_ticks_at_the_new_spread() -> None:
    begun = apply_index(ARS, IndexChange(idx=IDX, now_ms=1, phase=Phase.LIVE))
    ended = apply_index(begun, IndexChange(idx=IDX, now_ms=2, phase=Phase.FINISHED))

    assert (begun.seq, begun.bid_px, begun.ask_px) == (1, 997_000, 1_003_000)
    assert (ended.seq, ended.bid_px, ended.ask_px) == (2, ARS.bid_px, ARS.ask_px)
    assert begun.mid_px == ended.mid_px == ARS.mid_px


@pytest.mark.parametrize(
    ("before", "after"),
    [(Phase.LIVE, Phase.BREAK), (Phase.BREAK, Phase.LIVE), (Phase.SCHEDULED, Phase.VOID)],
)
def test_a_phase_that_changes_no_price_is_a_change_without_a_tick(
    before: Phase, after: Phase
) -> None:
    earlier = apply_index(ARS, IndexChange(idx=IDX, now_ms=1, phase=before))

    later = apply_index(earlier, IndexChange(idx=IDX, now_ms=2, phase=after))

    assert (later.phase, later.version, later.seq) == (after, earlier.version + 1, earlier.seq)


@given(instrument=instruments(), phase=st.sampled_from(Phase))
def test_what_is_published_is_what_the_phase_asks_for(instrument: Instrument, phase: Phase) -> None:
    after = apply_index(instrument, IndexChange(idx=IDX, now_ms=1, phase=phase))

    assert quoted(after) == after


def test_a_halt_alone_ticks_so_that_everybody_learns_of_it() -> None:
    after = apply_index(ARS, IndexChange(idx=IDX, now_ms=1, halt=Halt.FEED_STALE))

    assert (after.halt, after.seq, after.index_px) == (Halt.FEED_STALE, 1, ARS.index_px)


@given(offset_bps=st.integers(-2_000, 2_000))
def test_settling_keeps_the_price_and_uses_up_the_offset(offset_bps: int) -> None:
    before = apply_index(ARS, IndexChange(idx=IDX, now_ms=1, offset_bps=offset_bps))

    after = settled(before)

    assert (after.index_px, after.base_px, after.offset_bps) == (
        before.index_px, before.index_px, 0,
    )  # fmt: skip
    heartbeat = apply_index(after, IndexChange(idx=IDX, now_ms=2, heartbeat=True))
    assert (heartbeat.bid_px, heartbeat.ask_px) == (before.bid_px, before.ask_px)
