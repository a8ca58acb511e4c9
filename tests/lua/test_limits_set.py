"""Cases of limits_set.lua, and that it does what its twin does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.instrument import Instrument
from touchline.domain.limits import Limits, limited, limits_of, unfit
from touchline.domain.positions import Direction
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side, priced
from touchline.store.commands import Filled
from touchline.store.hashes import instrument_hash
from touchline.store.keys import State
from touchline.store.rule_scripts import OtherLimits, RuleScripts

from tests.fakes.exchange import ANN, ARS, Exchange
from tests.fakes.limits import accepted
from tests.fakes.markets import instruments

pytestmark = pytest.mark.external


def stored(exchange: Exchange) -> Instrument:
    instrument = exchange.hot.instrument(ARS)
    assert instrument is not None
    return instrument


def give(exchange: Exchange, number: int = 1, now_ms: int = 5_000, **changes: int) -> Any:
    limits = replace(limits_of(stored(exchange)), **changes)
    scripts = RuleScripts(exchange.client, exchange.keys)
    return scripts.limits_set([OtherLimits(ARS, limits)], number, now_ms)[0]


def test_other_limits_are_in_force_and_published_at_once(exchange: Exchange) -> None:
    exchange.client.delete(exchange.keys.dirty(State.INSTRUMENTS))

    assert give(exchange, half_spread_ppm=5_000, order_max=7_000) is None

    after = stored(exchange)
    assert (after.half_spread_ppm, after.order_max, after.bid_px) == (5_000, 7_000, 995_000)
    (tick,) = exchange.hot.ticks(ARS, None, 10)
    assert (tick.why, tick.bid_px, tick.ask_px) == ("admin", 995_000, 1_005_000)
    assert exchange.client.smembers(exchange.keys.dirty(State.INSTRUMENTS)) == {"1"}


def test_the_limits_there_are_change_nothing(exchange: Exchange) -> None:
    before = stored(exchange)

    give(exchange)

    assert stored(exchange) == before


def test_what_the_house_has_sold_has_to_fit(exchange: Exchange) -> None:
    exchange.fund(ANN)
    exchange.order(Side.BUY, 3_000)
    before = exchange.dump()

    refused = give(exchange, qcap=2_999)

    told = {"field": "qcap", "least": 3_000, "most": 5_000_000}
    assert refused == Refused(Refusal.LIMIT_UNFIT, told)
    assert exchange.dump() == before
    assert give(exchange, qcap=3_000) is None
    assert exchange.order(Side.BUY, 1).code is Refusal.LIQUIDITY_EXHAUSTED  # type: ignore[union-attr]  # else it fails here


def test_shorts_have_to_fit_by_themselves(exchange: Exchange) -> None:
    exchange.fund(ANN)
    exchange.open(Direction.SHORT, 3_000)

    refused = give(exchange, qcap=2_999)

    assert (refused.code, refused.details["least"]) == (Refusal.LIMIT_UNFIT, 3_000)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"depth": 9_999_999, "qcap": 1_000_000}, "depth"),
        ({"mark_clamp_ppm": 5_001}, "mark_clamp_ppm"),
    ],
)
def test_while_a_position_is_open_its_close_may_not_come_to_move_more(
    exchange: Exchange, changes: dict[str, int], field: str
) -> None:
    exchange.fund(ANN)
    opened = exchange.open(Direction.LONG, 1_000)

    refused = give(exchange, **changes)

    assert (refused.code, refused.details["field"]) == (Refusal.LIMIT_UNFIT, field)
    assert opened is not None
    assert give(exchange, depth=20_000_000, mark_clamp_ppm=4_000) is None


def test_a_change_that_comes_late_changes_nothing(exchange: Exchange) -> None:
    give(exchange, number=7, fee_ppm=2_000)

    assert give(exchange, number=6, fee_ppm=3_000) == Refused(Refusal.OVERTAKEN)
    assert stored(exchange).fee_ppm == 2_000


@settings(max_examples=50)
@given(
    instrument=instruments(),
    limits=accepted(),
    positions=st.booleans(),
    now_ms=st.integers(0, 2**43),
)
def test_the_script_limits_as_its_twin_does(
    exchange: Exchange, instrument: Instrument, limits: Limits, positions: bool, now_ms: int
) -> None:
    exchange.client.flushdb()
    exchange.client.hset(exchange.keys.inst(ARS), mapping=instrument_hash(instrument))
    if positions:
        exchange.client.sadd(exchange.keys.open_by_club(ARS), "one")
    scripts = RuleScripts(exchange.client, exchange.keys)

    (refused,) = scripts.limits_set([OtherLimits(ARS, limits)], 1, now_ms)

    wrong = unfit(instrument, limits, positions=positions)
    if wrong:
        told = {"field": wrong.field, "least": wrong.least, "most": wrong.most}
        assert refused == Refused(Refusal.LIMIT_UNFIT, told)
        assert stored(exchange) == instrument
    else:
        assert refused is None
        assert stored(exchange) == limited(instrument, limits, now_ms)
    exchange.client.flushdb()


@settings(max_examples=100)
@given(
    instrument=instruments(halts=st.just(0)),
    limits=accepted(),
    side=st.sampled_from(Side),
    part=st.integers(1, 1_000),
)
def test_prices_are_exact_under_any_limits_that_can_be(
    exchange: Exchange, instrument: Instrument, limits: Limits, side: Side, part: int
) -> None:
    """What the script asks, in doubles, is what Python reckons without an end to its integers."""
    limited_one = limited(_at_its_bounds(instrument, limits), limits, 1)
    exchange.client.flushdb()
    exchange.client.hset(exchange.keys.inst(ARS), mapping=instrument_hash(limited_one))
    exchange.client.hset(exchange.keys.hold(ANN), mapping={str(ARS): str(10**7), f"c:{ARS}": "1"})
    exchange.client.hset(exchange.keys.wallet(ANN), mapping={"cash": str(2**52), "v": "1"})
    qty = max(1, limited_one.order_limit * part // 1_000)

    outcome = exchange.order(side, qty, now_ms=2_000)

    if isinstance(outcome, Filled):
        expected = priced(limited_one, side, qty)
        fill = outcome.fill
        assert (fill.px, fill.value_e4, fill.fee_e4) == (
            expected.px,
            expected.value_e4,
            expected.fee_e4,
        )
    else:
        assert isinstance(outcome, Refused)
    exchange.client.flushdb()


def _at_its_bounds(instrument: Instrument, limits: Limits) -> Instrument:
    """*instrument* with an inventory that the limits allow, as near to its own as may be."""
    shorts = min(instrument.short_interest, limits.qcap)
    most, least = limits.qcap - shorts, -shorts
    return replace(
        instrument, short_interest=shorts, inventory=max(least, min(instrument.inventory, most))
    )
