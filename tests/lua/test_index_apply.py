"""Cases of index_apply.lua, and that it does what its twin does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange, apply_index
from touchline.store.commands import Indexed, IndexOutcome
from touchline.store.hashes import instrument_hash
from touchline.store.keys import State

from tests.fakes.exchange import ARS, LEASE, OWNER, Exchange
from tests.fakes.markets import instruments

pytestmark = pytest.mark.external

GOAL = IndexChange(
    idx=ARS, now_ms=5_000, offset_bps=150, phase=Phase.LIVE, halt=Halt.EVENT, fixture=7
)


def apply(exchange: Exchange, change: IndexChange) -> IndexOutcome:
    return exchange.scripts.index_apply(change, LEASE, OWNER)


def stored(exchange: Exchange) -> Instrument:
    instrument = exchange.hot.instrument(ARS)
    assert instrument is not None
    return instrument


def test_a_goal_moves_the_index_halts_and_ticks(exchange: Exchange) -> None:
    outcome = apply(exchange, GOAL)

    assert outcome == Indexed(ticked=True, seq=1, tick_id="5000-0", index_px=1_015_000)
    after = stored(exchange)
    assert (after.offset_bps, after.phase, after.halt) == (150, Phase.LIVE, Halt.EVENT)
    (tick,) = exchange.hot.ticks(ARS, None, 10)
    assert (tick.index_px, tick.why, tick.halt) == (1_015_000, "feed", Halt.EVENT)


def test_kick_off_alone_publishes_the_wider_spread_and_full_time_the_usual_one(
    exchange: Exchange,
) -> None:
    phases = (Phase.LIVE, Phase.BREAK, Phase.LIVE, Phase.FINISHED)

    outcomes = [
        apply(exchange, IndexChange(idx=ARS, now_ms=now_ms, phase=phase))
        for now_ms, phase in enumerate(phases, start=1)
    ]

    assert [one.ticked for one in outcomes if isinstance(one, Indexed)] == [
        True,
        False,
        False,
        True,
    ]
    begun, ended = exchange.hot.ticks(ARS, None, 10)
    assert (begun.bid_px, begun.ask_px, begun.why) == (997_000, 1_003_000, "feed")
    assert (ended.bid_px, ended.ask_px, ended.why) == (999_000, 1_001_000, "feed")


def test_the_same_news_again_changes_nothing(exchange: Exchange) -> None:
    apply(exchange, GOAL)
    before = exchange.dump()

    outcome = apply(exchange, replace(GOAL, now_ms=6_000))

    assert outcome == Indexed(ticked=False, seq=1, tick_id="5000-0", index_px=1_015_000)
    assert exchange.dump() == before


def test_a_reversal_brings_the_index_back_exactly(exchange: Exchange) -> None:
    apply(exchange, GOAL)

    apply(exchange, replace(GOAL, now_ms=6_000, offset_bps=0))

    assert stored(exchange).index_px == 1_000_000


def test_an_offset_too_small_to_move_the_index_is_kept_without_a_tick(exchange: Exchange) -> None:
    cheap = new_instrument(ARS, "ARS", "Arsenal", 5_001)
    exchange.client.hset(exchange.keys.inst(ARS), mapping=instrument_hash(cheap))
    exchange.client.delete(exchange.keys.dirty(State.INSTRUMENTS))

    outcome = apply(exchange, IndexChange(idx=ARS, now_ms=5_000, offset_bps=1))

    assert outcome == Indexed(ticked=False, seq=0, tick_id="0-0", index_px=5_001)
    assert (stored(exchange).offset_bps, stored(exchange).version) == (1, 2)
    assert exchange.client.smembers(exchange.keys.dirty(State.INSTRUMENTS)) == {"1"}


def test_the_feed_leaves_the_admins_halt_alone(exchange: Exchange) -> None:
    exchange.client.hset(exchange.keys.inst(ARS), "halt", int(Halt.ADMIN | Halt.FEED_STALE))

    apply(exchange, GOAL)

    assert stored(exchange).halt == Halt.ADMIN | Halt.EVENT


def test_a_heartbeat_ticks_at_an_unchanged_price(exchange: Exchange) -> None:
    apply(exchange, GOAL)

    outcome = apply(exchange, IndexChange(idx=ARS, now_ms=65_000, heartbeat=True))

    assert outcome == Indexed(ticked=True, seq=2, tick_id="65000-0", index_px=1_015_000)
    assert exchange.hot.ticks(ARS, None, 1)[0].why == "hb"


def test_the_index_stays_within_its_bounds(exchange: Exchange) -> None:
    apply(exchange, replace(GOAL, offset_bps=-9_999))
    lowest = stored(exchange).index_px

    apply(exchange, replace(GOAL, offset_bps=1_000_000))

    assert (lowest, stored(exchange).index_px) == (5_000, 10_000_000)


def test_who_lost_the_lease_is_fenced_off(exchange: Exchange) -> None:
    exchange.client.set(LEASE, "somebody else")
    before = exchange.dump()

    assert apply(exchange, GOAL) == Refused(Refusal.FENCED)

    exchange.client.delete(LEASE)
    assert apply(exchange, GOAL) == Refused(Refusal.FENCED)
    exchange.client.set(LEASE, "somebody else")
    assert exchange.dump() == before


def test_news_of_a_settled_match_come_too_late(exchange: Exchange) -> None:
    exchange.client.set(exchange.keys.settled(7), "1")

    assert apply(exchange, GOAL) == Refused(Refusal.SETTLED)
    assert isinstance(apply(exchange, replace(GOAL, fixture=8)), Indexed)


def test_an_unknown_instrument_is_refused(exchange: Exchange) -> None:
    outcome = apply(exchange, replace(GOAL, idx=InstrumentIdx(9)))

    assert outcome == Refused(Refusal.INSTRUMENT_UNKNOWN)


def test_many_changes_go_in_one_round_trip(exchange: Exchange) -> None:
    changes = [replace(GOAL, now_ms=now_ms, offset_bps=now_ms) for now_ms in (1, 2, 3)]

    outcomes = exchange.scripts.index_apply_all(changes, LEASE, OWNER)

    assert [outcome.seq for outcome in outcomes if isinstance(outcome, Indexed)] == [1, 2, 3]


@settings(max_examples=50)
@given(
    instrument=instruments(),
    offset_bps=st.none() | st.integers(-12_000, 12_000),
    phase=st.none() | st.sampled_from(Phase),
    halt=st.none() | st.integers(0, 7).map(Halt),
    heartbeat=st.booleans(),
    now_ms=st.integers(0, 2**43),
)
def test_the_script_applies_as_its_twin_does(
    exchange: Exchange,
    instrument: Instrument,
    offset_bps: int | None,
    phase: Phase | None,
    halt: Halt | None,
    heartbeat: bool,
    now_ms: int,
) -> None:
    change = IndexChange(
        idx=ARS, now_ms=now_ms, offset_bps=offset_bps, phase=phase, halt=halt, heartbeat=heartbeat
    )
    exchange.client.delete(exchange.keys.inst(ARS), exchange.keys.ticks(ARS))
    exchange.client.hset(exchange.keys.inst(ARS), mapping=instrument_hash(instrument))

    outcome = apply(exchange, change)

    expected = apply_index(instrument, change)
    ticked = expected.seq > instrument.seq
    assert stored(exchange) == expected
    assert outcome == Indexed(ticked, expected.seq, expected.last_tick_id, expected.index_px)
    assert exchange.client.xlen(exchange.keys.ticks(ARS)) == ticked
    # Its random inventory belongs to nobody, which the fixture would object to.
    exchange.client.delete(exchange.keys.instruments)
