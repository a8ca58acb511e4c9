"""What limits can be, and that prices stay exact and sound under all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import (
    IN_PLAY_SPREAD,
    INDEX_PX_MAX,
    ORDER_MAX_MAX,
    new_instrument,
)
from touchline.domain.limits import Fault, Limits, fault, leverage_max, limits_of, unfit
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.pricing import PPM

from tests.fakes.limits import accepted

EXACT = 2**53
ARS = new_instrument(InstrumentIdx(1), "ARS", "Arsenal")
STANDARD = limits_of(ARS)


def products(limits: Limits) -> dict[str, int]:
    """The largest of every product that the scripts form of an instrument, by what it is for.

    Each is named in lua/market.lua, ticks.lua, positions.lua, breaches.lua or kernel.lua. A holding
    may be as large as a user's cap, a position as large as one order.
    """
    spread_ppm = IN_PLAY_SPREAD * limits.half_spread_ppm
    index, order = INDEX_PX_MAX, min(limits.order_max, ORDER_MAX_MAX)
    # A trade ends within the cap, so the line is covered up to it at most.
    steep_px = index + index * limits.qcap // limits.depth + 1
    px = steep_px * (PPM + spread_ppm) // PPM + 1
    value = px * order // 1_000 + 1
    return {
        "impact": index * (2 * limits.qcap + order),
        "mid": index * limits.qcap,
        "premium": limits.qcap * PPM,
        "mark": index * max(limits.mark_clamp_ppm, 1),
        "spread": steep_px * (PPM + spread_ppm),
        "value": px * order,
        "fee": value * limits.fee_ppm,
        "cost of what is sold": limits.user_cap * order,
        "part of a margin": order * order,
        "liquidation": value * 750,
        "mark against entry": px * order,
        "set aside": 21 * (value + value * limits.fee_ppm // PPM + 1),
        "amount": AMOUNT_MAX,
    }


def test_the_standard_limits_can_be() -> None:
    assert fault(STANDARD) is None


@given(limits=accepted())
def test_every_product_of_the_scripts_is_exact_under_any_limits_that_can_be(
    limits: Limits,
) -> None:
    assert {name: at for name, at in products(limits).items() if at >= EXACT} == {}


@given(limits=accepted())
def test_trades_alone_never_take_a_quarter_of_a_margin_at_the_mark(limits: Limits) -> None:
    """From one end of its clamp to the other the mark goes by less than that; entry in millionths.

    A long is opened at its mark or above, a short so far below that half its margin is lost.
    """
    clamp, leverage = limits.mark_clamp_ppm, limits.max_leverage
    way = 2 * clamp

    assert way * 4 * leverage < PPM - clamp or clamp == 0
    assert way * (4 * leverage + 2) < PPM - clamp or clamp == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"depth": 999_999}, "depth"),
        ({"depth": 100_000_001}, "depth"),
        ({"qcap": 5_000_001}, "qcap"),
        ({"qcap": 0}, "qcap"),
        ({"user_cap": 5_000_001}, "user_cap"),
        ({"user_cap": 0}, "user_cap"),
        ({"half_spread_ppm": 10_001}, "half_spread_ppm"),
        ({"fee_ppm": -1}, "fee_ppm"),
        ({"order_max": 3}, "order_max"),
        ({"order_max": 10_000_001}, "order_max"),
        ({"mark_clamp_ppm": 50_001}, "mark_clamp_ppm"),
        ({"max_leverage": 0}, "max_leverage"),
        ({"max_leverage": 25}, "max_leverage"),
        ({"mark_clamp_ppm": 12_000}, "max_leverage"),
    ],
)
def test_the_limit_that_cannot_be_is_named(changes: dict[str, int], field: str) -> None:
    found = fault(replace(STANDARD, **changes))

    assert found is not None
    assert found.field == field


def test_the_bounds_that_are_told_can_be_had() -> None:
    found = fault(replace(STANDARD, max_leverage=25))

    assert found == Fault("max_leverage", 1, 24)
    assert fault(replace(STANDARD, max_leverage=24)) is None


@given(clamp=st.integers(1, 50_000))
def test_no_leverage_above_the_highest_would_be_sound(clamp: int) -> None:
    most = leverage_max(clamp)

    # The next leverage but for what is rounded; 1 is given even where it is none too sound.
    assert most in (1, 100) or 2 * clamp * (4 * (most + 2) + 2) >= PPM - clamp


def test_an_instrument_without_positions_may_become_shallower() -> None:
    shallow = replace(STANDARD, depth=2_000_000, qcap=1_000_000)

    assert unfit(ARS, shallow, positions=False) is None
    assert unfit(ARS, shallow, positions=True) == Fault("depth", 10_000_000, 100_000_000)
