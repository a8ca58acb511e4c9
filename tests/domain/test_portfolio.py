"""What holdings are worth and what they cost."""

from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.portfolio import HeldShares, Holding, Portfolio, Wallet

TWELVE_AND_A_HALF = HeldShares(
    InstrumentIdx(1), "ARS", Holding(12_500, 12_520_325, 1), mark_px=1_001_250
)


def test_shares_are_worth_their_mark() -> None:
    assert TWELVE_AND_A_HALF.value_e4 == 12_515_625
    assert TWELVE_AND_A_HALF.pnl_e4 == -4_700


def test_a_share_cost_what_was_paid_over_how_many() -> None:
    assert TWELVE_AND_A_HALF.holding.average_cost_px == 1_001_626
    assert Holding().average_cost_px == 0


def test_equity_is_all_money_and_all_shares() -> None:
    portfolio = Portfolio(UserId(5), 1, Wallet(100, 20, 3), (TWELVE_AND_A_HALF, TWELVE_AND_A_HALF))

    assert portfolio.equity_e4 == 120 + 2 * 12_515_625
