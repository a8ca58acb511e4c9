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


@st.composite
def instruments(draw: DrawFn, halts: st.SearchStrategy[int] = ANY_HALTS) -> Instrument:
    """An instrument anywhere within its limits, with quotes that fit its state.

    The index is the one that follows from base price and offset, as in the running market.
    """
    depth = draw(edged(DEPTH_MIN, DEPTH_MAX))
    base_px = draw(edged(INDEX_PX_MIN, INDEX_PX_MAX))
    shorts = draw(st.just(0) | edged(0, depth // 2))
    inventory = draw(edged(-shorts, depth // 2 - shorts))
    tick_ms = draw(edged(0, 2**43))
    drawn = replace(
        new_instrument(ARS, "ARS", "Arsenal"),
        base_px=base_px,
        index_px=base_px,
        inventory=inventory,
        short_interest=shorts,
        depth=depth,
        qcap=depth // 2,
        half_spread_ppm=draw(edged(0, 10_000)),
        fee_ppm=draw(edged(0, 10_000)),
        order_max=draw(edged(1, ORDER_MAX_MAX)),
        user_cap=draw(edged(1, depth)),
        mark_clamp_ppm=draw(edged(0, 50_000)),
        phase=draw(st.sampled_from(Phase)),
        halt=Halt(draw(halts)),
        seq=draw(edged(0, VERSION_MAX)),
        last_tick_id=f"{tick_ms}-{draw(st.integers(0, 1_000))}",
        ticked_ms=tick_ms,
        version=draw(edged(0, VERSION_MAX)),
    )
    return quoted(drawn)
