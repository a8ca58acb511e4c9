"""Random limits that operators may set, extremes included."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.instrument import DEPTH_MAX, DEPTH_MIN, IN_PLAY_ORDERS, ORDER_MAX_MAX
from touchline.domain.limits import CLAMP_PPM_MAX, RATE_PPM_MAX, Limits, fault, leverage_max

from tests.fakes.markets import within


@st.composite
def accepted(draw: DrawFn) -> Limits:
    """Limits that can be, their bounds often."""
    depth = within(draw, DEPTH_MIN, DEPTH_MAX)
    qcap = within(draw, 1, depth // 2)
    clamp = within(draw, 0, CLAMP_PPM_MAX)
    limits = Limits(
        depth=depth,
        qcap=qcap,
        user_cap=within(draw, 1, qcap),
        half_spread_ppm=within(draw, 0, RATE_PPM_MAX),
        fee_ppm=within(draw, 0, RATE_PPM_MAX),
        order_max=within(draw, IN_PLAY_ORDERS, ORDER_MAX_MAX),
        max_leverage=within(draw, 1, leverage_max(clamp)),
        mark_clamp_ppm=clamp,
    )
    assert fault(limits) is None
    return limits
