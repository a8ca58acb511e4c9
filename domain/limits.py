"""What an instrument's limits may be, so that its prices stay exact and trades alone make no money.

Source: docs/market.md, "Units" and "Limits that operators set".
"""

from dataclasses import astuple, dataclass, fields, replace

from .instrument import (
    DEPTH_MAX,
    DEPTH_MIN,
    IN_PLAY_ORDERS,
    ORDER_MAX_MAX,
    Instrument,
    quoted,
)
from .pricing import PPM
from .ticks import ticked

RATE_PPM_MAX = 10_000  #: of fee and half spread: 1 %
LEVERAGE_MAX = 100
CLAMP_PPM_MAX = 50_000  #: 5 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one instrument, by the names and in the units of `Instrument`."""

    depth: int
    qcap: int
    user_cap: int
    half_spread_ppm: int
    fee_ppm: int
    order_max: int
    max_leverage: int
    mark_clamp_ppm: int


LIMITS = tuple(each.name for each in fields(Limits))


@dataclass(frozen=True, slots=True)
class Fault:
    """Which of the limits cannot be, and the least and the most it may be beside the others."""

    field: str
    least: int
    most: int


def limits_of(instrument: Instrument) -> Limits:
    """The limits *instrument* has."""
    return Limits(**{name: getattr(instrument, name) for name in LIMITS})


def fault(limits: Limits) -> Fault | None:
    """The first of *limits* that is out of bounds; None if all can be.

    Within the bounds every product of the scripts stays below 2**53. And what trades can do to the
    mark stays less than a quarter of the least margin, so that while the index stands still no
    position is closed at a loss the house would have to bear.
    """
    bounds = {
        "depth": (DEPTH_MIN, DEPTH_MAX),
        "qcap": (1, limits.depth // 2),
        "user_cap": (1, limits.qcap),
        "half_spread_ppm": (0, RATE_PPM_MAX),
        "fee_ppm": (0, RATE_PPM_MAX),
        # In play it is divided, and has to leave something.
        "order_max": (IN_PLAY_ORDERS, ORDER_MAX_MAX),
        "mark_clamp_ppm": (0, CLAMP_PPM_MAX),
        "max_leverage": (1, leverage_max(limits.mark_clamp_ppm)),
    }
    for name, (least, most) in bounds.items():
        if not least <= getattr(limits, name) <= most:
            return Fault(name, least, most)
    return None


def leverage_max(mark_clamp_ppm: int) -> int:
    """The highest leverage beside a mark that trades can move by *mark_clamp_ppm* either way.

    The mark goes from one end to the other by 2 c of the index. A quarter of the margin is at
    least (1 - c) / (4 L + 2) of it, for a short that was opened as far below its mark as may be.
    """
    if mark_clamp_ppm == 0:
        return LEVERAGE_MAX
    most = ((PPM - 1) // mark_clamp_ppm - 5) // 8
    return max(1, min(LEVERAGE_MAX, most))


def unfit(instrument: Instrument, limits: Limits, *, positions: bool) -> Fault | None:
    """Why *limits*, which can be, cannot be those of *instrument* now; None if they can.

    Args:
        positions: whether any position is open there. Those were opened by what their closes could
            do to price and mark, which a smaller depth or a wider clamp would make more.
    """
    sold = max(instrument.inventory + instrument.short_interest, instrument.short_interest)
    if limits.qcap < sold:
        return Fault("qcap", sold, limits.depth // 2)
    if positions and limits.depth < instrument.depth:
        return Fault("depth", instrument.depth, DEPTH_MAX)
    if positions and limits.mark_clamp_ppm > instrument.mark_clamp_ppm:
        return Fault("mark_clamp_ppm", 0, instrument.mark_clamp_ppm)
    return None


def limited(instrument: Instrument, limits: Limits, now_ms: int) -> Instrument:
    """*instrument* under *limits*, published with the quotes that follow; itself if it has them."""
    after = replace(instrument, **dict(zip(LIMITS, astuple(limits), strict=True)))
    return instrument if after == instrument else ticked(after, now_ms)


def listed(instrument: Instrument, limits: Limits) -> Instrument:
    """A new *instrument* under *limits*."""
    return quoted(replace(instrument, **dict(zip(LIMITS, astuple(limits), strict=True))))
