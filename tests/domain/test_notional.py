"""Orders for an amount: the promise that they never cost more."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.notional import sized
from touchline.domain.portfolio import Holding, Wallet
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Execution, Order, Side, execute, priced

CLUB = new_instrument(InstrumentIdx(1), "ARS", "Arsenal")

indexes = st.integers(5_000, 10_000_000)
inventories = st.integers(-CLUB.qcap, CLUB.qcap)
amounts = st.integers(1, 200_000_000)
bounds = st.none() | st.integers(1, 12_000_000)


def club(index_px: int, inventory: int, fee_ppm: int = 1_000) -> Instrument:
    return replace(CLUB, index_px=index_px, inventory=inventory, fee_ppm=fee_ppm)


@settings(max_examples=200)
@given(
    then=st.builds(club, indexes, inventories),
    now=st.builds(club, indexes, inventories),
    notional_e4=amounts,
    bound_px=bounds,
)
def test_a_purchase_never_costs_more_than_its_amount_however_the_price_moves(
    then: Instrument, now: Instrument, notional_e4: int, bound_px: int | None
) -> None:
    size = sized(then, Side.BUY, notional_e4, bound_px)
    order = Order(UserId(1), CLUB.idx, Side.BUY, size.qty, size.bound_px)
    rich, treasury = Wallet(cash_e4=10**15), Wallet()

    done = execute(order, now, rich, treasury, Holding(), now_ms=1)

    if isinstance(done, Execution):
        assert done.priced.value_e4 + done.priced.fee_e4 <= notional_e4
        assert bound_px is None or done.priced.px <= bound_px


@settings(max_examples=200)
@given(instrument=st.builds(club, indexes, inventories), notional_e4=amounts)
def test_at_an_unmoved_price_its_own_bound_never_refuses_a_purchase(
    instrument: Instrument, notional_e4: int
) -> None:
    size = sized(instrument, Side.BUY, notional_e4, None)
    price = priced(instrument, Side.BUY, size.qty)

    assert size.bound_px is None or isinstance(price, Refused) or price.px <= size.bound_px


def test_a_bound_of_the_users_own_stays_when_it_is_the_tighter_one() -> None:
    assert sized(CLUB, Side.BUY, 10_000_000, 900_000).bound_px == 900_000


def test_a_sale_is_bound_only_by_the_user() -> None:
    assert sized(CLUB, Side.SELL, 10_000_000, None).bound_px is None
    assert sized(CLUB, Side.SELL, 10_000_000, 900_000).bound_px == 900_000


def test_an_amount_that_buys_nothing_is_an_order_for_nothing() -> None:
    size = sized(CLUB, Side.BUY, 1, None)
    order = Order(UserId(1), CLUB.idx, Side.BUY, size.qty, size.bound_px)

    refused = execute(order, CLUB, Wallet(10**9), Wallet(), Holding(), now_ms=1)

    assert isinstance(refused, Refused)
    assert refused.code is Refusal.QUANTITY_INVALID
