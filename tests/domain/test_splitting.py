"""Splitting an opening or a close gains nothing but roundings, and never passes the curve.

An average price is rounded against its owner, by less than two units a share. Of several parts each
is rounded so, but together they may be nearer to the curve than the whole order is.
"""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.cfd import Changed
from touchline.domain.closing import closed
from touchline.domain.instrument import DEPTH_MIN, Instrument
from touchline.domain.opening import Exposure, opened
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import Direction
from touchline.domain.pricing import PPM
from touchline.domain.ticks import IndexChange, apply_index

from tests.fakes.bourse import order_of
from tests.fakes.exchange import ANN, ARS
from tests.fakes.markets import instruments

RICH = Wallet(10**15)
_sides = st.sampled_from(Direction)
#: Mostly small, where roundings weigh most.
_parts = st.lists(st.integers(1, 9) | st.integers(1, DEPTH_MIN // 200), min_size=2, max_size=5)


def roomy(instrument: Instrument) -> Instrument:
    """*instrument* with nothing in the way of orders: limits apart, any there is."""
    inventory = max(-instrument.depth // 50, min(instrument.depth // 50, instrument.inventory))
    return replace(
        instrument,
        inventory=inventory,
        short_interest=max(0, -inventory),
        user_cap=instrument.depth,
        order_max=4 * DEPTH_MIN,
        last_tick_id="0-0",
    )


def on_the_curve_e4(club: Instrument, sign: int, qty: int) -> Fraction:
    """What *qty* is worth on the line itself, half spread included, with nothing rounded."""
    mean_px = club.index_px * (1 + Fraction(2 * club.inventory + sign * qty, 2 * club.depth))
    return mean_px * qty / 1000 * (1 + sign * Fraction(club.half_spread_now_ppm, PPM))


def rounding_e4(qty: int) -> int:
    """What an order of *qty* can lose to its own roundings, fee included."""
    return (2 * qty // 1000 + 3) * 102 // 100 + 1


def enter(club: Instrument, side: Direction, qty: int, leverage: int, wallet: Wallet) -> Changed:
    order = order_of("p-1", ANN, side, qty, leverage)
    done = opened(order, club, wallet, Wallet(), Exposure(), now_ms=1)
    assert isinstance(done, Changed)
    return done


@settings(max_examples=150)
@given(
    club=instruments(halts=st.just(0)).map(roomy),
    side=_sides,
    parts=_parts,
    leverage=st.integers(1, 5),
)
def test_opening_in_parts_is_worth_no_better_than_the_curve(
    club: Instrument, side: Direction, parts: list[int], leverage: int
) -> None:
    club = replace(club, max_leverage=10)
    whole = enter(club, side, sum(parts), leverage, RICH)

    at, wallet, value_e4 = club, RICH, 0
    for part in parts:
        done = enter(at, side, part, leverage, wallet)
        at, wallet = done.instrument, done.wallet
        value_e4 += done.position.open_value_e4

    gained_e4 = side.sign * (whole.position.open_value_e4 - value_e4)
    assert gained_e4 <= rounding_e4(sum(parts))
    assert side.sign * value_e4 >= side.sign * on_the_curve_e4(club, side.sign, sum(parts))


@settings(max_examples=200)
@given(
    club=instruments(halts=st.just(0)).map(roomy),
    side=_sides,
    parts=_parts,
    leverage=st.integers(1, 5),
    offset_bps=st.integers(-2_000, 2_000),
    ruin=st.booleans(),
)
def test_closing_in_parts_pays_out_no_more(
    club: Instrument, side: Direction, parts: list[int], leverage: int, offset_bps: int, ruin: bool
) -> None:
    entered = enter(replace(club, max_leverage=10), side, sum(parts), leverage, RICH)
    # As often as not to where all of the margin is lost, give or take 2 %.
    offset_bps = offset_bps // 10 - side.sign * 10_000 // leverage if ruin else offset_bps
    club = apply_index(entered.instrument, IndexChange(idx=ARS, now_ms=2, offset_bps=offset_bps))
    whole = closed(
        entered.position, club, entered.wallet, entered.treasury, qty=sum(parts), now_ms=3
    )

    done = replace(entered, instrument=club)
    for part in parts:
        after = closed(
            done.position, done.instrument, done.wallet, done.treasury, qty=part, now_ms=3
        )
        if not isinstance(after, Changed):
            break
        done = after

    # A rest that its margin no longer covers stays open, and is nobody's gain yet.
    if isinstance(whole, Changed) and done.position.qty == 0:
        assert done.wallet.cash_e4 <= whole.wallet.cash_e4 + rounding_e4(sum(parts))
