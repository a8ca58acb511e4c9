"""Longs and shorts that balance must not be paid by the house, whatever the index does."""

import pytest
from touchline.domain.ids import UserId
from touchline.domain.opening import highest_leverage
from touchline.domain.positions import Direction
from touchline.domain.refusals import Refused
from touchline.domain.ticks import IndexChange

from tests.domain.test_no_free_money import GANG, SHARES_MAX, bourse_of, enter, leave_all
from tests.fakes.bourse import Bourse
from tests.fakes.exchange import ARS


def entered(bourse: Bourse, user: UserId, side: Direction, leverage: int) -> bool:
    """Whether *user* could open one more, at the highest leverage there is up to *leverage*."""
    most = min(leverage, highest_leverage(bourse.instruments[ARS], side, SHARES_MAX))
    return not isinstance(enter(bourse, user, side, SHARES_MAX, most), Refused)


@pytest.mark.parametrize(
    ("offset_bps", "net", "longs"),
    [
        *((bps, 450_000, 4_500_000) for bps in (-300, -340, -800, -1_200, 300)),
        # A rise would be this one's: it is net long by far more than its spreads cost.
        (-300, 450_000, 1_500_000),
        *((bps, 0, 4_500_000) for bps in (-300, -800)),
    ],
)
def test_a_gang_that_is_long_and_short_is_not_paid_for_a_move_of_the_index(
    offset_bps: int, net: int, longs: int
) -> None:
    bourse, long, short = bourse_of(*GANG, amount_e4=100_000_000), 0, 0
    for user in GANG[:30]:
        for _ in range(4):
            if long < longs and entered(bourse, user, Direction.LONG, 10):
                long += SHARES_MAX
            if long - short > net and entered(bourse, user, Direction.SHORT, 3):
                short += SHARES_MAX

    for step in range(1, 4):
        bourse.feed(IndexChange(idx=ARS, now_ms=6, offset_bps=offset_bps * step // 3))
        bourse.scan_all(7)
    leave_all(bourse)

    assert bourse.house_e4 >= 0, (long, short, bourse.house_e4 / 1e4)
