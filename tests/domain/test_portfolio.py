"""What holdings are worth and what they cost."""

from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.portfolio import HeldShares, Holding, OpenPosition, Portfolio, Wallet

from tests.fakes.positions import LONG, SHORT

TWELVE_AND_A_HALF = HeldShares(
    InstrumentIdx(1), "ARS", Holding(12_500, 12_520_325, 1), mark_px=1_001_250
)


def test_shares_are_worth_their_mark() -> None:
    assert TWELVE_AND_A_HALF.value_e4 == 12_515_625
    assert TWELVE_AND_A_HALF.pnl_e4 == -4_700


def test_a_share_cost_what_was_paid_over_how_many() -> None:
    assert TWELVE_AND_A_HALF.holding.average_cost_px == 1_001_626
    assert Holding().average_cost_px == 0


def test_equity_is_the_cash_and_all_shares() -> None:
    portfolio = Portfolio(UserId(5), 1, Wallet(100, 0, 3), (TWELVE_AND_A_HALF, TWELVE_AND_A_HALF))

    assert portfolio.equity_e4 == 100 + 2 * 12_515_625


def test_a_position_is_valued_at_the_quote_that_would_close_it() -> None:
    long = OpenPosition("ARS", LONG, 999_000, 1_001_000, 1_000_000)
    short = OpenPosition("ARS", SHORT, 999_000, 1_001_000, 1_000_000)

    assert (long.closing_px, long.unrealized_e4) == (999_000, -25_010)
    assert (short.closing_px, short.unrealized_e4) == (1_001_000, 5_010)
    assert long.worth_e4 == LONG.margin_e4 - 25_010


def test_a_position_is_never_worth_less_than_nothing() -> None:
    lost = OpenPosition("ARS", LONG, 100_000, 100_200, 100_100)

    assert lost.unrealized_e4 < -LONG.margin_e4
    assert lost.worth_e4 == 0
