"""The impact curve: always against the user, indifferent to splitting, exact in doubles."""

from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from touchline.domain import pricing
from touchline.domain.instrument import (
    DEPTH_MAX,
    DEPTH_MIN,
    IN_PLAY_SPREAD,
    INDEX_PX_MAX,
    INDEX_PX_MIN,
    ORDER_MAX_MAX,
)
from touchline.domain.pricing import PPM, Quotes, ceil_div, index_of, quote

F, D = 1_000_000, 10_000_000  # 100.0000, 10,000 shares


@dataclass(frozen=True)
class Curve:
    """A place on some instrument's curve, at most half of its depth away from the middle."""

    index_px: int
    inventory: int
    depth: int
    spread_ppm: int

    def buy(self, qty: int) -> int:
        return ceil_div(pricing.average_buy(*self._arguments(), qty) * qty, 1_000)

    def sell(self, qty: int) -> int:
        return pricing.average_sell(*self._arguments(), qty) * qty // 1_000

    def exact(self, qty: int) -> Fraction:
        """What *qty* (negative: sold) is worth along the line, spread included, unrounded."""
        middle = self.inventory + Fraction(qty, 2)
        spread = Fraction(self.spread_ppm, PPM) * (1 if qty > 0 else -1)
        return self.index_px * (1 + middle / self.depth) * (1 + spread) * abs(qty) / 1_000

    def moved(self, qty: int) -> "Curve":
        return Curve(self.index_px, self.inventory + qty, self.depth, self.spread_ppm)

    def _arguments(self) -> tuple[int, int, int, int]:
        return self.index_px, self.inventory, self.depth, self.spread_ppm


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    depth = draw(st.integers(DEPTH_MIN, DEPTH_MAX))
    return Curve(
        draw(st.integers(INDEX_PX_MIN, INDEX_PX_MAX)),
        draw(st.integers(-depth // 4, depth // 4)),
        depth,
        draw(st.integers(0, IN_PLAY_SPREAD * 10_000)),
    )


_parts = st.lists(st.integers(1, DEPTH_MIN // 16), min_size=1, max_size=4)


def test_quotes_stand_half_a_spread_around_the_mid() -> None:
    assert quote(F, 0, D, half_spread_ppm=1_000, mark_clamp_ppm=5_000) == Quotes(
        bid_px=999_000, ask_px=1_001_000, mid_px=F, mark_px=F
    )


def test_the_mark_follows_trades_only_so_far() -> None:
    near = quote(F, 30_000, D, half_spread_ppm=1_000, mark_clamp_ppm=5_000)
    far = quote(F, 300_000, D, half_spread_ppm=1_000, mark_clamp_ppm=5_000)
    down = quote(F, -300_000, D, half_spread_ppm=1_000, mark_clamp_ppm=5_000)

    assert (near.mark_px, near.mid_px) == (1_003_000, 1_003_000)
    assert (far.mark_px, far.mid_px) == (1_005_000, 1_030_000)
    assert (down.mark_px, down.mid_px) == (995_000, 970_000)


def test_the_index_is_the_base_moved_by_the_offset_within_bounds() -> None:
    assert index_of(F, 150, INDEX_PX_MIN, INDEX_PX_MAX) == 1_015_000
    assert index_of(F, -150, INDEX_PX_MIN, INDEX_PX_MAX) == 985_000
    assert index_of(5_001, -1, INDEX_PX_MIN, INDEX_PX_MAX) == 5_000
    assert index_of(INDEX_PX_MAX, 1, INDEX_PX_MIN, INDEX_PX_MAX) == INDEX_PX_MAX


@given(curve=curves(), parts=_parts)
def test_no_way_of_splitting_pays_less_than_the_curve_asks(curve: Curve, parts: list[int]) -> None:
    in_parts, at = 0, curve
    for part in parts:
        in_parts += at.buy(part)
        at = at.moved(part)

    assert in_parts >= curve.exact(sum(parts))


@given(curve=curves(), parts=_parts)
def test_no_way_of_splitting_gets_more_than_the_curve_gives(curve: Curve, parts: list[int]) -> None:
    in_parts, at = 0, curve
    for part in parts:
        in_parts += at.sell(part)
        at = at.moved(-part)

    assert in_parts <= curve.exact(-sum(parts))


@given(curve=curves(), qty=st.integers(1, DEPTH_MIN // 4))
def test_rounding_costs_at_most_three_units_a_share(curve: Curve, qty: int) -> None:
    most = Fraction(3 * qty, 1_000) + 1

    assert curve.buy(qty) - curve.exact(qty) < most
    assert curve.exact(-qty) - curve.sell(qty) < most


@given(curve=curves(), qty=st.integers(1, DEPTH_MIN // 4))
def test_a_round_trip_never_gains(curve: Curve, qty: int) -> None:
    assert curve.moved(qty).sell(qty) <= curve.buy(qty)
    assert curve.moved(-qty).buy(qty) >= curve.sell(qty)


@given(curve=curves(), parts=_parts)
def test_no_way_in_and_out_gains(curve: Curve, parts: list[int]) -> None:
    paid, at = 0, curve
    for part in parts:
        paid += at.buy(part)
        at = at.moved(part)

    assert at.sell(sum(parts)) <= paid


def test_every_product_at_the_limits_is_exact_in_a_double() -> None:
    inventory = DEPTH_MAX // 2
    spread_ppm = IN_PLAY_SPREAD * 10_000
    px = pricing.average_buy(INDEX_PX_MAX, inventory, DEPTH_MAX, spread_ppm, ORDER_MAX_MAX)
    value = ceil_div(px * ORDER_MAX_MAX, 1_000)

    products = (
        INDEX_PX_MAX * (2 * inventory + ORDER_MAX_MAX),
        (2 * INDEX_PX_MAX) * (PPM + spread_ppm),
        px * ORDER_MAX_MAX,
        value * 10_000,
        DEPTH_MAX * ORDER_MAX_MAX,
        inventory * PPM,
        INDEX_PX_MAX * (10_000 + 1_000_000),
    )
    assert max(products) < 2**53


@given(curve=curves(), qty=st.integers(1, DEPTH_MIN // 4))
def test_prices_are_always_positive(curve: Curve, qty: int) -> None:
    at_worst = Curve(curve.index_px, qty - curve.depth // 2, curve.depth, IN_PLAY_SPREAD * 10_000)

    assert pricing.average_sell(*at_worst._arguments(), qty) > 0
