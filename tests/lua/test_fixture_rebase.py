"""Cases of fixture_rebase.lua, and that it does what its twin does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import Instrument
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange, Why, rebased
from touchline.store.hashes import instrument_hash
from touchline.store.keys import State
from touchline.store.lua import KERNEL, MARKET, TICKS, LuaScript
from touchline.store.wire import refusal_of

from tests.fakes.exchange import ARS, EVE, LEASE, OWNER, Exchange
from tests.fakes.markets import instruments

pytestmark = pytest.mark.external

FIXTURE = 19135001
SCRIPT = LuaScript("fixture_rebase", KERNEL, MARKET, TICKS)


def rebase(
    exchange: Exchange,
    *pxs: int,
    governs: bool = False,
    away: InstrumentIdx = EVE,
    now_ms: int = 5_000,
    why: Why = Why.ADMIN,
    owner: str = "",
) -> Any:
    """Have the home club go from the first to the second price, the away club on likewise."""
    keys = exchange.keys
    names = [keys.settled(FIXTURE), keys.dirty(State.INSTRUMENTS)]
    for idx in (ARS, away):
        names += [keys.inst(idx), keys.ticks(idx)]
    names.append(LEASE)
    args = map(str, (now_ms, ARS, away, *pxs, int(governs), why.value, owner))
    reply = SCRIPT.run(exchange.client, names, list(args))
    return refusal_of(reply) if reply[0] == "refused" else tuple(map(int, reply[1:]))


def in_play(exchange: Exchange, halt: Halt = Halt.MATCH_SUSPENDED) -> None:
    for idx, offset_bps in ((ARS, 250), (EVE, -250)):
        change = IndexChange(
            idx=idx, now_ms=1_000, offset_bps=offset_bps, phase=Phase.SUSPENDED, halt=halt
        )
        exchange.scripts.index_apply(change, LEASE, OWNER)


def test_both_clubs_rest_at_other_prices_at_once(exchange: Exchange) -> None:
    before = exchange.hot.instruments()

    versions = rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000)

    after = exchange.hot.instruments()
    wanted = zip(before, (1_025_000, 975_000), strict=True)
    assert after == tuple(rebased(each, px, 5_000) for each, px in wanted)
    assert versions == tuple(each.version for each in after)
    assert [exchange.hot.ticks(idx, None, 9)[0].why for idx in (ARS, EVE)] == ["admin", "admin"]
    assert exchange.client.get(exchange.keys.settled(FIXTURE)) == "1025000:2:975000:2"


def test_the_ticks_tell_who_says_so(exchange: Exchange) -> None:
    rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000, why=Why.FEED)

    assert [exchange.hot.ticks(idx, None, 9)[0].why for idx in (ARS, EVE)] == ["feed", "feed"]


def test_who_speaks_for_the_feed_has_its_lease(exchange: Exchange) -> None:
    before = exchange.dump()

    refused = rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000, owner="another")
    assert (refused, exchange.dump()) == (Refused(Refusal.FENCED), before)

    rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000, owner=OWNER)
    assert exchange.hot.instruments()[0].base_px == 1_025_000


def test_what_an_act_has_left_may_be_where_any_other_starts(exchange: Exchange) -> None:
    rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000)

    # As if nobody had been answered: what is expected is what was there before.
    rebase(exchange, 1_000_000, 980_000, 1_000_000, 1_020_000)

    assert [each.base_px for each in exchange.hot.instruments()] == [980_000, 1_020_000]


def test_what_the_match_has_moved_is_over_but_not_what_operators_halt(exchange: Exchange) -> None:
    in_play(exchange)
    exchange.client.hset(exchange.keys.inst(ARS), "halt", "9")

    rebase(exchange, 1_000_000, 1_000_000, 1_000_000, 1_000_000, governs=True)

    ars, eve = exchange.hot.instruments()
    assert (ars.index_px, ars.offset_bps, ars.phase) == (1_000_000, 0, Phase.SCHEDULED)
    assert (ars.halt, eve.halt) == (Halt.ADMIN, Halt(0))


def test_a_late_look_at_the_match_moves_nothing_more(exchange: Exchange) -> None:
    rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000)

    late = IndexChange(idx=ARS, now_ms=6_000, offset_bps=100, fixture=FIXTURE)

    assert exchange.scripts.index_apply(late, LEASE, OWNER) == Refused(Refusal.SETTLED)


def test_a_club_that_another_match_moves_is_left_alone(exchange: Exchange) -> None:
    in_play(exchange)
    before = exchange.dump()

    refused = rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000)

    assert refused == Refused(Refusal.CLUB_IN_PLAY)
    assert exchange.dump() == before


@pytest.mark.parametrize("expected", [(1_000_001, 1_000_000), (1_000_000, 999_999)])
def test_a_base_that_something_else_has_moved_is_left_alone(
    exchange: Exchange, expected: tuple[int, int]
) -> None:
    before = exchange.dump()

    refused = rebase(exchange, expected[0], 1_025_000, expected[1], 975_000)

    assert refused == Refused(Refusal.BASE_MOVED)
    assert exchange.dump() == before


def test_asked_for_again_it_is_so_already(exchange: Exchange) -> None:
    rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000)

    again = rebase(exchange, 1_000_000, 1_025_000, 1_000_000, 975_000)

    assert again == (3, 3)
    assert [each.base_px for each in exchange.hot.instruments()] == [1_025_000, 975_000]


def test_an_unknown_club_is_refused(exchange: Exchange) -> None:
    refused = rebase(exchange, 1_000_000, 1, 1_000_000, 1, away=InstrumentIdx(9))

    assert refused == Refused(Refusal.INSTRUMENT_UNKNOWN)


@settings(max_examples=50)
@given(
    home=instruments(),
    away=instruments(),
    wanted=st.tuples(st.integers(5_000, 10_000_000), st.integers(5_000, 10_000_000)),
    now_ms=st.integers(0, 2**43),
)
def test_the_script_rebases_as_its_twin_does(
    exchange: Exchange,
    home: Instrument,
    away: Instrument,
    wanted: tuple[int, int],
    now_ms: int,
) -> None:
    exchange.client.flushdb()
    for idx, club in ((ARS, home), (EVE, away)):
        exchange.client.hset(exchange.keys.inst(idx), mapping=instrument_hash(club))
    pxs = (home.base_px, wanted[0], away.base_px, wanted[1])

    rebase(exchange, *pxs, governs=True, now_ms=now_ms)

    expected = rebased(home, wanted[0], now_ms), rebased(away, wanted[1], now_ms)
    stored = [exchange.hot.instrument(idx) for idx in (ARS, EVE)]
    assert [each and each.index_px for each in stored] == list(wanted)
    assert [instrument_hash(each) for each in stored if each] == list(
        map(instrument_hash, expected)
    )
    # Their random inventories belong to nobody, which the fixture would object to.
    exchange.client.flushdb()
