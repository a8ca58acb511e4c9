"""Random instruments within the limits the market allows, extremes included."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.halts import Halt, Phase
from touchline.domain.instrument import (
    DEPTH_MAX,
    DEPTH_MIN,
    INDEX_PX_MAX,
    INDEX_PX_MIN,
    ORDER_MAX_MAX,
    Instrument,
    new_instrument,
    quoted,
)

from tests.fakes.exchange import ARS

VERSION_MAX = 2**52
ANY_HALTS = st.integers(0, 63)


def edged(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers of a range, its ends often."""
    return st.integers(low, high) | st.sampled_from([low, high])


_PARTS = 2**53
# Evenly over the range, in all its digits: of a wide range integers() prefers the small ones.
_even = st.integers(0, 2**20).map(lambda number: number * 0x9E3779B97F4A7 % _PARTS)
_parts = _even | _even | st.sampled_from([0, _PARTS])
_phases = st.sampled_from(Phase)
_some = st.integers(0, 1)


def within(draw: DrawFn, low: int, high: int) -> int:
    """A number of the range, its ends often; to make an `edged` strategy for it takes longer."""
    return low + (high - low) * draw(_parts) // _PARTS


@st.composite
def instruments(draw: DrawFn, halts: st.SearchStrategy[int] = ANY_HALTS) -> Instrument:
    """An instrument anywhere within its limits, with quotes that fit its state.

    The index is the one that follows from base price and offset, as in the running market.
    """
    depth = within(draw, DEPTH_MIN, DEPTH_MAX)
    base_px = within(draw, INDEX_PX_MIN, INDEX_PX_MAX)
    shorts = draw(_some) * within(draw, 0, depth // 2)
    inventory = within(draw, -shorts, depth // 2 - shorts)
    tick_ms = within(draw, 0, 2**43)
    drawn = replace(
        new_instrument(ARS, "ARS", "Arsenal"),
        base_px=base_px,
        index_px=base_px,
        inventory=inventory,
        short_interest=shorts,
        depth=depth,
        qcap=depth // 2,
        half_spread_ppm=within(draw, 0, 10_000),
        fee_ppm=within(draw, 0, 10_000),
        order_max=within(draw, 1, ORDER_MAX_MAX),
        user_cap=within(draw, 1, depth),
        mark_clamp_ppm=within(draw, 0, 50_000),
        phase=draw(_phases),
        halt=Halt(draw(halts)),
        seq=within(draw, 0, VERSION_MAX),
        last_tick_id=f"{tick_ms}-{within(draw, 0, 1_000)}",
        ticked_ms=tick_ms,
        version=within(draw, 0, VERSION_MAX),
    )
    return quoted(drawn)
