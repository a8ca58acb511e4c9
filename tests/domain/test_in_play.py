"""In play: a wider spread and smaller orders, and nobody gets round either."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import Instrument, new_instrument, quoted
from touchline.domain.notional import sized
from touchline.domain.pricing import PPM
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Priced, Side, priced, quantity_for_notional

from tests.fakes.markets import instruments

ARS = new_instrument(InstrumentIdx(1), "ARS", "Arsenal")
IN_PLAY = (Phase.LIVE, Phase.BREAK)
NOT_IN_PLAY = tuple(phase for phase in Phase if phase not in IN_PLAY)

_open = instruments(halts=st.just(0))
_in_play, _not_in_play = st.sampled_from(IN_PLAY), st.sampled_from(NOT_IN_PLAY)
_sides = st.sampled_from(Side)


def during(phase: Phase, instrument: Instrument = ARS) -> Instrument:
    return quoted(replace(instrument, phase=phase))


def cash_e4(instrument: Instrument, side: Side, qty: int) -> int:
    """What trading *qty* moves into the user's wallet, fee included; negative when they pay."""
    price = priced(instrument, side, qty)
    assert isinstance(price, Priced)
    return (price.value_e4 if side is Side.SELL else -price.value_e4) - price.fee_e4


def moved(instrument: Instrument, side: Side, qty: int) -> Instrument:
    inventory = instrument.inventory + (qty if side is Side.BUY else -qty)
    return quoted(replace(instrument, inventory=inventory))


def with_room(instrument: Instrument, qty: int) -> Instrument:
    """*instrument* that can trade *qty* either way, in one order of any phase."""
    inventory = min(max(instrument.inventory, qty), instrument.qcap - qty)
    return replace(instrument, inventory=inventory, short_interest=0, order_max=4 * qty)


@pytest.mark.parametrize("phase", Phase)
def test_the_spread_is_three_times_as_wide_and_orders_a_quarter_in_play_alone(phase: Phase) -> None:
    club = during(phase)

    spread_ppm, limit = (3_000, 12_500) if phase in IN_PLAY else (1_000, 50_000)
    assert (club.half_spread_now_ppm, club.order_limit) == (spread_ppm, limit)
    assert (club.bid_px, club.ask_px) == (1_000_000 - spread_ppm, 1_000_000 + spread_ppm)
    assert priced(club, Side.BUY, limit + 1) == Refused(
        Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": limit}
    )


def test_going_in_and_out_in_play_costs_what_the_example_says() -> None:
    def cost_e4(phase: Phase) -> int:
        club = during(phase)
        bought_e4 = cash_e4(club, Side.BUY, 12_500)
        return -bought_e4 - cash_e4(moved(club, Side.BUY, 12_500), Side.SELL, 12_500)

    assert priced(during(Phase.LIVE), Side.BUY, 12_500) == Priced(1_003_627, 12_545_338, 12_546)
    assert (cost_e4(Phase.LIVE), cost_e4(Phase.SCHEDULED)) == (100_068, 50_042)


@given(instrument=_open, phase=_in_play)
def test_the_limit_in_play_is_a_quarter_rounded_down(instrument: Instrument, phase: Phase) -> None:
    limit = during(phase, instrument).order_limit

    assert 4 * limit <= instrument.order_max < 4 * (limit + 1)
    assert limit <= during(Phase.SCHEDULED, instrument).order_limit


@given(instrument=_open, phase=st.sampled_from(Phase))
def test_bid_and_ask_stand_a_half_spread_or_more_from_the_mid(
    instrument: Instrument, phase: Phase
) -> None:
    club = during(phase, instrument)

    half_spread = Fraction(club.half_spread_now_ppm, PPM)
    assert club.bid_px <= club.mid_px * (1 - half_spread) <= club.mid_px
    assert club.ask_px >= club.mid_px * (1 + half_spread) >= club.mid_px


@given(instrument=_open, phase=_in_play)
def test_play_never_narrows_what_is_published(instrument: Instrument, phase: Phase) -> None:
    calm, playing = during(Phase.SCHEDULED, instrument), during(phase, instrument)

    assert playing.bid_px <= calm.bid_px
    assert playing.ask_px >= calm.ask_px
    assert (playing.mid_px, playing.mark_px) == (calm.mid_px, calm.mark_px)


@pytest.mark.parametrize("phase", Phase)
@given(inventory=st.integers(-4_000_000, 4_000_000))
def test_the_smallest_order_gets_the_price_published(phase: Phase, inventory: int) -> None:
    club = during(phase, replace(ARS, inventory=inventory))

    bought, sold = priced(club, Side.BUY, 1), priced(club, Side.SELL, 1)

    assert isinstance(bought, Priced)
    assert isinstance(sold, Priced)
    # A unit for the share's own impact, one for each of the two roundings.
    assert 0 <= bought.px - club.ask_px <= 3
    assert 0 <= club.bid_px - sold.px <= 3


@given(instrument=_open, phase=_in_play, calm=_not_in_play, first=_sides, data=st.data())
def test_a_round_trip_in_play_costs_at_least_as_much_as_out_of_play(
    instrument: Instrument, phase: Phase, calm: Phase, first: Side, data: st.DataObject
) -> None:
    qty = data.draw(st.integers(1, instrument.qcap // 2))
    roomy = with_room(instrument, qty)
    back = Side.SELL if first is Side.BUY else Side.BUY

    def gain_e4(at: Phase) -> int:
        out = during(at, roomy)
        return cash_e4(out, first, qty) + cash_e4(moved(out, first, qty), back, qty)

    assert gain_e4(phase) <= gain_e4(calm) <= 0


@given(
    instrument=_open,
    side=_sides,
    phases=st.lists(st.sampled_from(Phase), min_size=1, max_size=6),
    data=st.data(),
)
def test_no_way_of_splitting_across_the_limit_beats_the_line_with_the_spread(
    instrument: Instrument, side: Side, phases: list[Phase], data: st.DataObject
) -> None:
    """Part by part, kick-offs between them included, against the exact area under the line."""
    parts = data.draw(
        st.lists(st.integers(1, instrument.qcap // 8), min_size=len(phases), max_size=len(phases))
    )
    at = with_room(instrument, sum(parts))
    sign = 1 if side is Side.BUY else -1
    exact, in_parts_e4 = Fraction(0), 0

    for phase, qty in zip(phases, parts, strict=True):
        at = during(phase, at)
        middle = Fraction(at.inventory) + Fraction(sign * qty, 2)
        spread = sign * Fraction(at.half_spread_now_ppm, PPM)
        exact -= sign * at.index_px * (1 + middle / at.depth) * (1 + spread) * qty / 1_000
        in_parts_e4 += cash_e4(at, side, qty)
        at = moved(at, side, qty)

    assert in_parts_e4 <= exact


@given(side=_sides, phase=_in_play, pieces=st.lists(st.integers(1, 12_500), min_size=4, max_size=4))
def test_an_order_beyond_the_limit_is_no_cheaper_in_pieces_than_whole_before_kick_off(
    side: Side, phase: Phase, pieces: list[int]
) -> None:
    whole_e4 = cash_e4(ARS, side, sum(pieces))

    at, in_pieces_e4 = during(phase), 0
    for piece in pieces:
        in_pieces_e4 += cash_e4(at, side, piece)
        at = moved(at, side, piece)

    assert in_pieces_e4 <= whole_e4


@given(instrument=_open, side=_sides, phase=_in_play, notional_e4=st.integers(1, 200_000_000))
def test_an_amount_is_kept_to_in_play_and_buys_no_more_than_before(
    instrument: Instrument, side: Side, phase: Phase, notional_e4: int
) -> None:
    playing = during(phase, instrument)

    qty = quantity_for_notional(playing, side, notional_e4)

    assert qty <= playing.order_max + 1
    room = playing.qcap - playing.short_interest - abs(playing.inventory)
    if 0 < qty <= min(playing.order_limit, room):
        assert abs(cash_e4(playing, side, qty)) <= notional_e4
    if side is Side.BUY:
        calm = during(Phase.SCHEDULED, instrument)
        assert qty <= quantity_for_notional(calm, side, notional_e4)


@pytest.mark.parametrize("phase", IN_PLAY)
def test_an_amount_beyond_the_limit_in_play_is_refused_rather_than_shortened(phase: Phase) -> None:
    amount_e4 = 20_000_000  # 2,000 coins: about 20 shares, of which 12.5 may be one order

    size = sized(during(phase), Side.BUY, amount_e4, None)

    assert priced(during(phase), Side.BUY, size.qty) == Refused(
        Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": 12_500}
    )
    assert isinstance(priced(ARS, Side.BUY, sized(ARS, Side.BUY, amount_e4, None).qty), Priced)


@pytest.mark.parametrize("side", Side)
def test_an_amount_sized_in_play_is_not_shortened_when_play_ends(side: Side) -> None:
    amount_e4 = 20_000_000

    size = sized(during(Phase.LIVE), side, amount_e4, None)

    assert 0.99 * amount_e4 <= abs(cash_e4(during(Phase.VOID), side, size.qty)) <= 1.01 * amount_e4


@pytest.mark.parametrize("order_max", [1, 3])
def test_a_limit_too_small_to_quarter_leaves_nothing_to_trade_in_play(order_max: int) -> None:
    tiny = replace(during(Phase.LIVE), order_max=order_max, halt=Halt(0))

    assert priced(tiny, Side.SELL, 1) == Refused(Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": 0})
