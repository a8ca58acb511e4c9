"""Bots among themselves, match after match: each kind finds something to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from touchline.domain.bot_steps import ENDING_MINUTE
from touchline.domain.bot_views import Closing, Deal, Opening, Shares
from touchline.domain.bots import STEP_MS, BotKind
from touchline.domain.halts import Phase
from touchline.domain.instrument import Instrument
from touchline.domain.positions import Direction
from touchline.domain.pricing import PPM
from touchline.domain.refusals import Refused
from touchline.domain.trading import Side

from tests.fakes.bot_floor import BotFloor, Outcome

STEPS_A_MINUTE = 60_000 // STEP_MS
GOAL_BPS = 180


def minutes(floor: BotFloor, chance: Random) -> Iterator[None]:
    """A match on *floor*, minute after minute: it drifts, and now and then somebody scores."""
    offset = 0
    floor.play(Phase.LIVE)
    for floor.minute in range(ENDING_MINUTE + 10):
        moved = GOAL_BPS if chance.random() < 0.03 else 5
        offset += moved if chance.random() < 0.5 else -moved
        floor.feed(offset)
        yield
    floor.feed(0)
    floor.play(Phase.SCHEDULED)


def season(seed: int, matches: int = 6) -> Iterator[tuple[Instrument, Outcome]]:
    """What bots do in *matches* of the same two clubs, each with the club as it was before that."""
    floor, chance = BotFloor(seed), Random(seed)
    for _ in range(matches):
        for _ in minutes(floor, chance):
            for _ in range(STEPS_A_MINUTE):
                floor.bourse.scan_all(floor.now_ms + STEP_MS)  # stops move prices as well
                clubs = dict(floor.bourse.instruments)
                yield from ((clubs[each.decision.idx], each) for each in floor.step())


@pytest.mark.parametrize("seed", [1, 7, 11])
def test_each_kind_of_bot_trades_though_nobody_else_does(seed: int) -> None:
    done = Counter(
        each.decision.bot.kind for _, each in season(seed) if not isinstance(each.done, Refused)
    )

    assert all(done[kind] >= 3 for kind in BotKind), done


@pytest.mark.parametrize("seed", [7, 11])
def test_mean_reversion_trades_against_the_move_and_beyond_its_costs(seed: int) -> None:
    ways = set()
    for club, each in season(seed):
        if each.decision.bot.kind is BotKind.MEAN_REVERT:
            off_px = club.mid_px - club.index_px
            cost_ppm = club.half_spread_now_ppm + club.fee_ppm
            assert abs(off_px) * PPM > cost_ppm * club.index_px
            assert buys(each.decision.deal) == (off_px < 0)
            ways.add(off_px > 0)

    assert ways == {True, False}


def buys(deal: Deal) -> bool:
    """Whether *deal* of mean reversion raises the price; what it closes are shorts."""
    match deal:
        case Shares(side):
            return side is Side.BUY
        case Opening(side):
            return side is Direction.LONG
        case Closing():
            return True
