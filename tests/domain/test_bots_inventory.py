"""What mean reversion holds: it comes back to nothing, at no more than it costs to trade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.bot_steps import decisions
from touchline.domain.bot_views import Closing, Deal, Opening, Shares
from touchline.domain.bots import ROSTER, STEP_MS
from touchline.domain.halts import Phase
from touchline.domain.ids import UserId
from touchline.domain.instrument import Instrument
from touchline.domain.portfolio import POSITIONS_MAX
from touchline.domain.positions import Direction
from touchline.domain.pricing import PPM
from touchline.domain.refusals import Refused
from touchline.domain.trading import Side

from tests.fakes.bot_floor import BOTS, BotFloor, Outcome
from tests.fakes.bourse import order_of, share_order
from tests.fakes.exchange import ARS

MM = ROSTER[0]
MATCHES = 38  #: of a club, in a season
IN_PLAY, BETWEEN = 30, 20  #: steps of a match, and of the week after it


@dataclass(frozen=True, slots=True)
class Traded:
    """A deal of mean reversion, the club before it, and what it had and has then."""

    deal: Deal
    club: Instrument
    before: int
    after: int
    cash_e4: int  # what its equity at the index lost by it


class Pit(BotFloor):
    """A floor on which mean reversion is the only bot, and a crowd that comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self._crowd: list[str] = []
        self._members = iter(range(10_000, 10_000_000))

    def crowd(self, qty: int) -> None:
        """Others go long *qty* of ARS, or short if it is negative."""
        way, left = (Direction.LONG, qty) if qty > 0 else (Direction.SHORT, -qty)
        while left > 0:
            part = min(left, self.bourse.instruments[ARS].order_limit)
            user = UserId(next(self._members))
            self.bourse.fund(user, 1_000_000_000)
            name = f"crowd-{user}"
            if not isinstance(
                self.bourse.open(order_of(name, user, way, part, 1), self.now_ms), Refused
            ):
                self._crowd.append(name)
            left -= part

    def disperse(self) -> None:
        """They close all they have."""
        self.bourse.scan_all(self.now_ms)
        for name in self._crowd:
            if left := self.bourse.positions[name].qty:
                assert not isinstance(self.bourse.close(name, left, self.now_ms), Refused)
        self._crowd = []

    def trade(self, steps: int, *, everywhere: bool = False) -> Iterator[Traded]:
        """What mean reversion does in so many steps."""
        for _ in range(steps):
            self.now_ms += STEP_MS
            scene = self.scene(everywhere)
            mine = tuple(each for each in scene.accounts if each.bot == MM)
            for decision in list(decisions(replace(scene, accounts=mine))):
                club = self.bourse.instruments[decision.idx]
                before, worth_e4 = self.net(MM, decision.idx), self._worth_e4(club)
                outcome = Outcome(decision, self.carry_out(decision))
                if isinstance(outcome.done, Refused):
                    self.refused.append(outcome.done.code.value)
                    continue
                after = self.net(MM, decision.idx)
                yield Traded(decision.deal, club, before, after, worth_e4 - self._worth_e4(club))

    def _worth_e4(self, club: Instrument) -> int:
        """The bot's money, and what it has of the club at the index, in 1e-4 coin times 1000."""
        wallet, user = self.bourse.wallets[BOTS[MM]], BOTS[MM]
        worth = (wallet.cash_e4 + wallet.locked_e4) * 1_000
        worth += self.bourse.holdings[user, club.idx].qty * club.index_px
        for each in self.bourse.open_positions(user):
            if each.idx == club.idx:
                worth += each.sign * (each.qty * club.index_px - each.open_value_e4 * 1_000)
        return worth


def seasons(pit: Pit, count: int, seed: int) -> Iterator[list[Traded]]:
    """The weeks of *count* seasons: a match in which a crowd comes, and the days after it."""
    chance = Random(seed)
    for _ in range(count * MATCHES):
        pit.play(Phase.LIVE)
        done = []
        for _ in range(3):
            pit.feed(chance.randrange(-150, 151))
            pit.crowd(chance.choice((-1, 1)) * chance.randrange(0, 80_000))
            done += pit.trade(IN_PLAY // 3)
        pit.feed(0)
        pit.play(Phase.SCHEDULED)
        pit.disperse()
        done += pit.trade(BETWEEN)
        yield done


def test_over_five_seasons_nothing_is_left_of_any_week_and_it_trades_both_ways_to_the_end():
    pit, left, ways = Pit(), [], []
    for done in seasons(pit, 5, seed=7):
        left.append(pit.net(MM, ARS))
        ways.append({grew(each) for each in done})

    assert set(left) == {0}
    assert pit.refused == []
    for season in range(5):
        of_it = ways[season * MATCHES : (season + 1) * MATCHES]
        assert sum(1 in week for week in of_it) >= 5
        assert sum(-1 in week for week in of_it) >= 5


def grew(traded: Traded) -> int:
    """1 where it then had more the long way, -1 the short way, 0 where it had less."""
    if abs(traded.after) < abs(traded.before):
        return 0
    return 1 if traded.after > 0 else -1


_weeks = st.lists(
    st.tuples(
        st.sampled_from([Phase.LIVE, Phase.SCHEDULED]),
        st.integers(-2_500, 2_500),
        st.integers(-150_000, 150_000),
        st.booleans(),
    ),
    min_size=2,
    max_size=12,
)


def story(pit: Pit, weeks: list[tuple[Phase, int, int, bool]]) -> Iterator[Traded]:
    for phase, offset_bps, qty, leave in weeks:
        pit.play(phase)
        pit.feed(offset_bps)
        pit.bourse.scan_all(pit.now_ms)
        pit.crowd(qty)
        if leave:
            pit.disperse()
        yield from pit.trade(6)


@settings(max_examples=80, deadline=None)
@given(weeks=_weeks, held=st.integers(0, 90_000))
def test_no_deal_costs_more_than_half_spread_and_fee_at_the_index(weeks, held):
    pit = Pit()
    pit.sold(-held)
    for _ in range(held // 12_500):
        pit.bourse.trade(share_order(BOTS[MM], Side.BUY, 12_500), pit.now_ms)

    for each in story(pit, weeks):
        club, qty = each.club, abs(each.after - each.before)
        costs = (PPM + club.half_spread_now_ppm) * (PPM + club.fee_ppm) - PPM * PPM
        # Prices are whole, and so are value and fee: each is rounded against who trades.
        rounded = 4 * qty + 4_000
        assert each.cash_e4 <= club.index_px * qty * costs // (PPM * PPM) + rounded


@settings(max_examples=80, deadline=None)
@given(weeks=_weeks)
def test_what_reduces_brings_the_price_no_further_from_the_index_and_never_beyond_nothing(weeks):
    for each in story(Pit(), weeks):
        inventory = each.club.inventory
        if abs(each.after) < abs(each.before) or each.before * each.after < 0:
            assert each.before * each.after >= 0
            assert abs(inventory + each.after - each.before) <= abs(inventory)


@settings(max_examples=60, deadline=None)
@given(weeks=_weeks)
def test_once_everybody_else_has_left_nothing_is_left(weeks):
    pit = Pit()
    for _ in story(pit, weeks):
        pass
    pit.play(Phase.SCHEDULED)
    pit.disperse()

    for _ in pit.trade(BETWEEN):
        pass

    assert pit.net(MM, ARS) == pit.bourse.instruments[ARS].inventory == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_what_others_keep_for_good_it_keeps_the_other_way(sign: int) -> None:
    pit = Pit()
    pit.crowd(sign * 120_000)
    for _ in pit.trade(20):
        pass
    kept = pit.net(MM, ARS)
    pit.play(Phase.SCHEDULED)

    assert kept * sign < 0
    assert list(pit.trade(20)) == []


def test_shares_go_piece_by_piece_until_the_price_is_at_the_index():
    pit = Pit()
    pit.play(Phase.SCHEDULED)
    for _ in range(2):
        pit.bourse.trade(share_order(BOTS[MM], Side.BUY, 45_000), pit.now_ms)
    pit.crowd(-30_000)

    assert [each.deal for each in pit.trade(5)] == [
        Shares(Side.SELL, 50_000),
        Shares(Side.SELL, 10_000),
    ]
    assert (pit.net(MM, ARS), pit.bourse.instruments[ARS].inventory) == (30_000, 0)


def test_of_its_shorts_one_that_is_too_large_waits_and_a_smaller_one_goes():
    pit = Pit()
    pit.play(Phase.SCHEDULED)
    for name, qty in (("large", 40_000), ("small", 10_000)):
        order = order_of(name, BOTS[MM], Direction.SHORT, qty)
        assert not isinstance(pit.bourse.open(order, pit.now_ms), Refused)
    pit.crowd(46_000)

    assert [each.deal for each in pit.trade(5)] == []
    pit.crowd(-3_000)
    assert [each.deal for each in pit.trade(5)] == [Closing("small")]


def test_a_short_that_is_too_large_waits_also_when_the_price_is_off_by_more_than_a_trade_costs():
    pit = Pit()
    pit.play(Phase.SCHEDULED)
    pit.bourse.open(order_of("large", BOTS[MM], Direction.SHORT, 50_000), pit.now_ms)
    pit.crowd(28_000)

    assert list(pit.trade(5, everywhere=True)) == []
    pit.crowd(-3_000)
    assert [each.deal for each in pit.trade(1, everywhere=True)] == [Closing("large")]


def test_in_play_it_works_nothing_off_for_less_than_a_trade_costs():
    pit = Pit()
    pit.bourse.open(order_of("short", BOTS[MM], Direction.SHORT, 12_500), pit.now_ms)

    assert list(pit.trade(5)) == []
    pit.play(Phase.SCHEDULED)
    assert [each.deal for each in pit.trade(5)] == [Closing("short")]


def test_who_has_the_most_positions_that_there_may_be_asks_for_no_more():
    pit = Pit()
    pit.crowd(150_000)
    scene = pit.scene()
    mine = next(each for each in scene.accounts if each.bot == MM)
    (wanted,) = decisions(replace(scene, accounts=(mine,)))
    assert isinstance(wanted.deal, Opening)
    pit.bourse.open(order_of("one", UserId(9_999), Direction.SHORT, 1_000), pit.now_ms)
    pit.bourse.fund(UserId(9_999))
    pit.bourse.open(order_of("one", UserId(9_999), Direction.SHORT, 1_000), pit.now_ms)
    one = pit.bourse.positions["one"]
    for number, asks in ((POSITIONS_MAX - 1, 1), (POSITIONS_MAX, 0)):
        elsewhere = replace(mine.stakes[ARS], positions=(one,) * number)
        full = replace(mine, stakes={**mine.stakes, 999: elsewhere})
        assert len(list(decisions(replace(scene, accounts=(full,))))) == asks
