"""Orders against states: what is checked in which order, what moves, what a notional buys."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.portfolio import Holding, Wallet
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import (
    Execution,
    Order,
    Priced,
    Side,
    execute,
    priced,
    quantity_for_notional,
)

ARS = new_instrument(InstrumentIdx(1), "ARS", "Arsenal")
RICH = Wallet(cash_e4=100_000_000, version=4)
HELD = Holding(qty=10_000, cost_e4=10_000_000, version=2)


def order(side: Side, qty: int, bound_px: int | None = None) -> Order:
    return Order(UserId(5), ARS.idx, side, qty, bound_px)


def run(
    an_order: Order, instrument: Instrument = ARS, wallet: Wallet = RICH, holding: Holding = HELD
) -> Execution | Refused:
    return execute(an_order, instrument, wallet, Wallet(), holding, now_ms=1_000)


def refusal(outcome: Execution | Refused) -> Refusal:
    assert isinstance(outcome, Refused)
    return outcome.code


def test_a_purchase_pays_the_average_the_spread_and_the_fee() -> None:
    # 100.0000 + half of 12.5/10,000 of it = 100.0625, and 10 bps on top, rounded up.
    assert priced(ARS, Side.BUY, 12_500) == Priced(1_001_626, 12_520_325, 12_521)


def test_what_the_user_pays_is_what_the_house_gets() -> None:
    for side in Side:
        done = run(order(side, 777))

        assert isinstance(done, Execution)
        assert done.wallet.cash_e4 + done.treasury.cash_e4 == RICH.cash_e4


def test_selling_everything_realises_the_whole_cost() -> None:
    done = run(order(Side.SELL, 10_000), replace(ARS, inventory=10_000))

    assert isinstance(done, Execution)
    assert done.holding == Holding(0, 0, 3)
    assert done.realized_e4 == done.priced.value_e4 - HELD.cost_e4


def test_the_first_reason_in_the_order_of_checks_is_given() -> None:
    hopeless = order(Side.BUY, ARS.order_max + 1, bound_px=1)
    halted = replace(ARS, halt=Halt.EVENT, inventory=ARS.qcap)

    assert refusal(run(hopeless, halted, Wallet())) is Refusal.MARKET_HALTED
    full = replace(halted, halt=Halt(0))
    assert refusal(run(hopeless, full, Wallet())) is Refusal.QUANTITY_LIMIT_EXCEEDED
    dear = replace(hopeless, qty=ARS.order_max)
    assert refusal(run(dear, full, Wallet())) is Refusal.LIQUIDITY_EXHAUSTED
    assert refusal(run(dear, ARS, Wallet())) is Refusal.PRICE_BOUND_EXCEEDED
    unbound = replace(dear, bound_px=None)
    capped = replace(ARS, user_cap=HELD.qty)
    assert refusal(run(unbound, capped, Wallet())) is Refusal.POSITION_LIMIT_EXCEEDED
    assert refusal(run(unbound, ARS, Wallet())) is Refusal.INSUFFICIENT_FUNDS


@pytest.mark.parametrize(("side", "better", "worse"), [(Side.BUY, 1, -1), (Side.SELL, -1, 1)])
def test_a_bound_is_met_to_the_last_unit(side: Side, better: int, worse: int) -> None:
    price = priced(ARS, side, 1_000)
    assert isinstance(price, Priced)

    assert isinstance(run(order(side, 1_000, price.px)), Execution)
    assert isinstance(run(order(side, 1_000, price.px + better)), Execution)
    assert run(order(side, 1_000, price.px + worse)) == Refused(
        Refusal.PRICE_BOUND_EXCEEDED, {"quoted_px": price.px}
    )


def test_the_last_coin_can_be_spent_but_not_one_more() -> None:
    price = priced(ARS, Side.BUY, 1_000)
    assert isinstance(price, Priced)
    cost_e4 = price.value_e4 + price.fee_e4

    exact = run(order(Side.BUY, 1_000), wallet=Wallet(cost_e4))
    short = run(order(Side.BUY, 1_000), wallet=Wallet(cost_e4 - 1))

    assert isinstance(exact, Execution)
    assert exact.wallet.cash_e4 == 0
    assert short == Refused(
        Refusal.INSUFFICIENT_FUNDS, {"required_e4": cost_e4, "available_e4": cost_e4 - 1}
    )


def test_reserved_money_cannot_be_spent() -> None:
    outcome = run(order(Side.BUY, 1_000), wallet=Wallet(0, locked_e4=10**9))

    assert refusal(outcome) is Refusal.INSUFFICIENT_FUNDS


def test_nobody_holds_more_money_than_is_exact() -> None:
    outcome = run(order(Side.SELL, 1_000), wallet=Wallet(AMOUNT_MAX))

    assert refusal(outcome) is Refusal.AMOUNT_LIMIT_EXCEEDED


@pytest.mark.parametrize("phase", list(Phase))
@given(quantities=st.lists(st.integers(1, 12_500), min_size=1, max_size=40))
def test_no_run_of_purchases_passes_the_cap_of_a_user(phase: Phase, quantities: list[int]) -> None:
    club = replace(ARS, phase=phase, user_cap=100_000)
    wallet, treasury, holding = Wallet(10**12), Wallet(), Holding()

    for qty in quantities:
        done = execute(order(Side.BUY, qty), club, wallet, treasury, holding, now_ms=1_000)
        fits = holding.qty + qty <= club.user_cap
        if isinstance(done, Refused):
            assert not fits
            assert done == Refused(
                Refusal.POSITION_LIMIT_EXCEEDED,
                {"limit_qty": club.user_cap, "held_qty": holding.qty},
            )
            continue
        assert fits
        club, wallet, treasury, holding = (
            done.instrument, done.wallet, done.treasury, done.holding,
        )  # fmt: skip


def test_the_last_unit_of_the_cap_can_be_bought_but_not_one_more() -> None:
    room = replace(ARS, user_cap=HELD.qty + 777)

    assert isinstance(run(order(Side.BUY, 777), room), Execution)
    assert refusal(run(order(Side.BUY, 778), room)) is Refusal.POSITION_LIMIT_EXCEEDED


def test_who_holds_more_than_the_cap_may_sell_but_not_buy() -> None:
    lowered = replace(ARS, inventory=HELD.qty, user_cap=HELD.qty - 1)

    assert isinstance(run(order(Side.SELL, 1), lowered), Execution)
    assert refusal(run(order(Side.BUY, 1), lowered)) is Refusal.POSITION_LIMIT_EXCEEDED


@pytest.mark.parametrize("side", list(Side))
@given(notional_e4=st.integers(1, 60_000_000), inventory=st.integers(-4_000_000, 4_000_000))
def test_a_notional_buys_as_much_as_fits_and_no_more(
    side: Side, notional_e4: int, inventory: int
) -> None:
    instrument = replace(ARS, inventory=inventory)

    qty = quantity_for_notional(instrument, side, notional_e4)

    if qty:
        assert moved_e4(instrument, side, qty) <= notional_e4
    if qty <= instrument.order_max:
        assert moved_e4(instrument, side, qty + 1) > notional_e4


def moved_e4(instrument: Instrument, side: Side, qty: int) -> int:
    price = priced(replace(instrument, order_max=10**7), side, qty)
    assert isinstance(price, Priced)
    return price.value_e4 + (price.fee_e4 if side is Side.BUY else -price.fee_e4)


def test_a_notional_beyond_the_largest_order_is_refused_rather_than_shortened() -> None:
    qty = quantity_for_notional(ARS, Side.BUY, AMOUNT_MAX)

    assert refusal(run(order(Side.BUY, qty))) is Refusal.QUANTITY_LIMIT_EXCEEDED


def test_a_notional_too_small_for_anything_buys_nothing() -> None:
    assert quantity_for_notional(ARS, Side.BUY, 1) == 0


def test_what_a_user_is_long_counts_as_held() -> None:
    buying = order(Side.BUY, 1_000)

    allowed, refused = (
        execute(buying, ARS, Wallet(10**9), Wallet(), Holding(9_000), long_qty=qty, now_ms=1)
        for qty in (ARS.user_cap - 10_000, ARS.user_cap - 9_999)
    )

    assert isinstance(allowed, Execution)
    details = {"limit_qty": ARS.user_cap, "held_qty": ARS.user_cap - 999}
    assert refused == Refused(Refusal.POSITION_LIMIT_EXCEEDED, details)
