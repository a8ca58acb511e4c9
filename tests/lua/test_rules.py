"""Cases of halt_set.lua and mode_set.lua, and that both do what their twin does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import OPEN, Halt
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ruling import Mode, ruled
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.commands import Filled
from touchline.store.hashes import instrument_hash
from touchline.store.keys import State
from touchline.store.rule_scripts import OwnMode, RuleScripts

from tests.fakes.exchange import ANN, ARS, EVE, LEASE, OWNER, Exchange
from tests.fakes.markets import instruments

pytestmark = pytest.mark.external

MODES = st.sampled_from(Mode)


def rules(exchange: Exchange) -> RuleScripts:
    return RuleScripts(exchange.client, exchange.keys)


def own(
    exchange: Exchange, mode: Mode, number: int = 1, now_ms: int = 5_000, idx: InstrumentIdx = ARS
) -> Refused | None:
    return rules(exchange).halt_set([OwnMode(idx, mode, "a reason")], number, now_ms)[0]


def market(exchange: Exchange, mode: Mode, number: int = 1, now_ms: int = 5_000) -> Refused | None:
    return rules(exchange).mode_set(mode, "a reason", number, now_ms)


def halts(exchange: Exchange) -> list[Halt]:
    return [each.halt for each in exchange.hot.instruments()]


def test_a_halt_is_published_at_once(exchange: Exchange) -> None:
    exchange.client.delete(exchange.keys.dirty(State.INSTRUMENTS))

    assert own(exchange, Mode.HALTED) is None

    assert halts(exchange) == [Halt.ADMIN, OPEN]
    (tick,) = exchange.hot.ticks(ARS, None, 10)
    assert (tick.id, tick.halt, tick.why) == ("5000-0", Halt.ADMIN, "admin")
    assert exchange.client.smembers(exchange.keys.dirty(State.INSTRUMENTS)) == {"1"}
    assert exchange.hot.notes([ARS, EVE]) == {ARS: "a reason"}


def test_the_same_halt_again_publishes_nothing(exchange: Exchange) -> None:
    own(exchange, Mode.HALTED)

    own(exchange, Mode.HALTED, number=2)

    assert len(exchange.hot.ticks(ARS, None, 10)) == 1


def test_nobody_trades_what_is_halted(exchange: Exchange) -> None:
    exchange.fund(ANN)
    exchange.order(Side.BUY, 2_000)
    own(exchange, Mode.HALTED)

    said = [exchange.order(side, 1_000) for side in Side]

    assert {each.code for each in said if isinstance(each, Refused)} == {Refusal.MARKET_HALTED}
    assert len([each for each in said if isinstance(each, Refused)]) == 2


def test_what_is_reduced_only_may_be_sold(exchange: Exchange) -> None:
    exchange.fund(ANN)
    exchange.order(Side.BUY, 2_000)
    market(exchange, Mode.REDUCE_ONLY)

    bought, sold = exchange.order(Side.BUY, 1_000), exchange.order(Side.SELL, 1_000)

    assert isinstance(bought, Refused)
    assert (bought.code, bought.details["halt"]) == (Refusal.MARKET_HALTED, 32)
    assert isinstance(sold, Filled)


def test_the_market_rests_in_all_instruments_at_once(exchange: Exchange) -> None:
    assert market(exchange, Mode.HALTED) is None

    assert halts(exchange) == [Halt.ADMIN, Halt.ADMIN]
    assert [len(exchange.hot.ticks(idx, None, 10)) for idx in (ARS, EVE)] == [1, 1]
    assert exchange.hot.mode().mode is Mode.HALTED


def test_the_end_of_the_markets_rest_leaves_an_instruments_own_halt(exchange: Exchange) -> None:
    own(exchange, Mode.HALTED)
    market(exchange, Mode.HALTED, number=2)

    market(exchange, Mode.ENABLED, number=3)

    assert halts(exchange) == [Halt.ADMIN, OPEN]


def test_the_end_of_an_instruments_own_halt_leaves_the_markets_rest(exchange: Exchange) -> None:
    own(exchange, Mode.HALTED)
    market(exchange, Mode.REDUCE_ONLY, number=2)

    own(exchange, Mode.ENABLED, number=3)

    assert halts(exchange) == [Halt.REDUCE_ONLY, Halt.REDUCE_ONLY]
    assert exchange.hot.notes([ARS]) == {ARS: "a reason"}


def test_what_is_listed_while_the_market_rests_rests_too(exchange: Exchange) -> None:
    market(exchange, Mode.HALTED)

    exchange.list(new_instrument(InstrumentIdx(3), "LIV", "Liverpool"))

    assert halts(exchange) == [Halt.ADMIN] * 3
    market(exchange, Mode.ENABLED, number=2)
    assert halts(exchange) == [OPEN] * 3


def test_what_is_listed_and_lost_holds_nothing_up(exchange: Exchange) -> None:
    """As where Redis is lost while it is put back."""
    lost = exchange.client.hgetall(exchange.keys.inst(ARS))
    exchange.client.delete(exchange.keys.inst(ARS))

    assert market(exchange, Mode.HALTED) is None

    assert exchange.client.hget(exchange.keys.inst(EVE), "halt") == "8"
    assert not exchange.client.exists(exchange.keys.inst(ARS))
    exchange.client.hset(exchange.keys.inst(ARS), mapping=lost)


def test_an_act_that_comes_late_changes_nothing(exchange: Exchange) -> None:
    own(exchange, Mode.HALTED, number=7)
    market(exchange, Mode.REDUCE_ONLY, number=8)
    before = exchange.dump()

    assert own(exchange, Mode.ENABLED, number=6) == Refused(Refusal.OVERTAKEN)
    assert market(exchange, Mode.ENABLED, number=7) == Refused(Refusal.OVERTAKEN)
    assert exchange.dump() == before


def test_an_unknown_instrument_cannot_be_halted(exchange: Exchange) -> None:
    refused = own(exchange, Mode.HALTED, idx=InstrumentIdx(9))

    assert refused == Refused(Refusal.INSTRUMENT_UNKNOWN)


@settings(max_examples=50)
@given(instrument=instruments(), mode=MODES, of_market=MODES, now_ms=st.integers(0, 2**43))
def test_the_scripts_rule_as_their_twin_does(
    exchange: Exchange, instrument: Instrument, mode: Mode, of_market: Mode, now_ms: int
) -> None:
    exchange.client.flushdb()
    exchange.client.hset(exchange.keys.inst(ARS), mapping=instrument_hash(instrument))
    exchange.client.sadd(exchange.keys.instruments, ARS)

    own(exchange, mode, 1, now_ms)
    first = exchange.hot.instrument(ARS)
    market(exchange, of_market, 2, now_ms)

    expected = ruled(instrument, mode, Mode.ENABLED, now_ms)
    assert first == expected
    assert exchange.hot.instrument(ARS) == ruled(expected, mode, of_market, now_ms)
    # Its random inventory belongs to nobody, which the fixture would object to.
    exchange.client.flushdb()


ACTS = st.one_of(
    st.tuples(st.just("own"), MODES),
    st.tuples(st.just("market"), MODES),
    st.tuples(st.just("feed"), st.integers(0, 7).map(Halt)),
)


@settings(max_examples=50)
@given(acts=st.lists(ACTS, max_size=12))
def test_nobody_ends_the_halt_of_another(
    exchange: Exchange, acts: list[tuple[str, Mode | Halt]]
) -> None:
    exchange.client.flushdb()
    exchange.client.set(LEASE, OWNER)
    exchange.list()
    wanted: dict[str, Mode | Halt] = {"own": Mode.ENABLED, "market": Mode.ENABLED, "feed": OPEN}

    for number, (who, what) in enumerate(acts, start=1):
        wanted[who] = what
        if isinstance(what, Halt):
            change = IndexChange(idx=ARS, now_ms=number, halt=what)
            exchange.scripts.index_apply(change, LEASE, OWNER)
        elif who == "own":
            own(exchange, what, number, number)
        else:
            market(exchange, what, number, number)

        present = exchange.hot.instrument(ARS)
        assert present is not None
        modes = {each for each in wanted.values() if isinstance(each, Mode)}
        assert (Halt.ADMIN in present.halt) == (Mode.HALTED in modes)
        assert (Halt.REDUCE_ONLY in present.halt) == (Mode.REDUCE_ONLY in modes)
        assert present.halt & Halt(7) == wanted["feed"]
