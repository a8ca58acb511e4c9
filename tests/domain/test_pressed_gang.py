"""A price pressed away from the mark must not decide what the house pays when the index moves."""

import pytest
from touchline.domain.ids import UserId
from touchline.domain.opening import highest_leverage
from touchline.domain.positions import Direction
from touchline.domain.refusals import Refused
from touchline.domain.ticks import IndexChange

from tests.domain.test_no_free_money import SHARES_MAX, bourse_of, enter, leave_all
from tests.fakes.bourse import Bourse
from tests.fakes.exchange import ARS

FEW = tuple(UserId(number) for number in range(1, 6))
MANY = tuple(UserId(number) for number in range(6, 46))


def fill(bourse: Bourse, users: tuple[UserId, ...], side: Direction, leverage: int) -> None:
    """Have *users* open whatever they may, at up to *leverage*."""
    for user in users:
        for _ in range(4):
            most = min(leverage, highest_leverage(bourse.instruments[ARS], side, SHARES_MAX))
            if isinstance(enter(bourse, user, side, SHARES_MAX, most), Refused):
                break
        bourse.scan_all(5)


def moved_e4(bourse: Bourse, offset_bps: int) -> int:
    """What all that is open gains by the index going there, valued along the line."""
    club = bourse.instruments[ARS]
    bourse.feed(IndexChange(idx=ARS, now_ms=6, offset_bps=offset_bps))
    by_px = bourse.instruments[ARS].index_px - club.index_px
    along = 2 * club.depth * club.inventory + club.inventory**2
    return by_px * along // (2 * club.depth * 1_000)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("offset_bps", [-300, -700, -1_200, 300, 700, 1_200])
@pytest.mark.parametrize("side", Direction)
def test_the_highest_leverage_is_not_paid_for_by_a_price_that_others_press(
    side: Direction, offset_bps: int, steps: int
) -> None:
    other = Direction.SHORT if side is Direction.LONG else Direction.LONG
    bourse, gained_e4 = bourse_of(*FEW, *MANY), 0
    fill(bourse, FEW[:3], side, 10)
    fill(bourse, MANY, other, 1)

    for step in range(1, steps + 1):
        gained_e4 += moved_e4(bourse, offset_bps * step // steps)
        bourse.scan_all(7)
    leave_all(bourse)

    assert bourse.house_e4 >= -gained_e4
