"""The bot engine: one look a step, nothing without lease and switch, and what it keeps count of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import psycopg2
import pytest
from touchline.actors.bots.engine import ORDERS_MAX, BotEngine
from touchline.actors.bots.messages import LeaseDue, StepDue
from touchline.actors.bots.meter import BotMeter
from touchline.domain.bot_rules import TRAIL_MS
from touchline.domain.bot_views import Match, Opening
from touchline.domain.bots import ROSTER, BotTerms
from touchline.domain.halts import Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import Instrument, new_instrument, quoted
from touchline.domain.refusals import Refusal

from tests.fakes.bot_floor import BOTS
from tests.fakes.bots import FakeBooks, FakeBrokerage, FakeLease, FakeMarket, FakeOrders
from tests.fakes.clock import FakeClock

MM, NOISE, OTHER_NOISE, MOMENTUM = ROSTER
LOSS_E4 = 5_000_000


def club(number: int, inventory: int = 100_000) -> Instrument:
    """One in play, by default with a premium that makes mm-1 go short."""
    fresh = new_instrument(InstrumentIdx(number), f"C{number}", f"Club {number}")
    return quoted(replace(fresh, phase=Phase.LIVE, inventory=inventory))


@dataclass
class Pit:
    """An engine, and what it stands on."""

    clock: FakeClock = field(default_factory=FakeClock)
    calls: list[str] = field(default_factory=list)
    everywhere: bool = False
    clubs: tuple[Instrument, ...] = (club(1), club(2))

    def __post_init__(self) -> None:
        self.books, self.market = FakeBooks(self.calls), FakeMarket(self.calls, *self.clubs)
        pairs = zip(self.clubs[::2], self.clubs[1::2], strict=False)
        self.books.matches = tuple(
            Match(number, home.idx, away.idx, 30) for number, (home, away) in enumerate(pairs)
        )
        self.brokerage, self.lease, self.meter = FakeBrokerage(), FakeLease(), BotMeter()
        self.orders = FakeOrders()
        self.engine = self.another()

    def another(self) -> BotEngine:
        """Another incarnation, started."""
        lease: object = self.lease
        engine = BotEngine(
            self.books,
            self.market,
            self.brokerage,
            self.orders,
            lease,  # type: ignore[arg-type]  # as much of a lease as an actor uses
            self.clock.calendar,
            BotTerms(7, LOSS_E4, self.everywhere),
            2.0,
            self.meter,
        )
        engine.started()
        return engine

    def step(self, seconds: float = 5.0) -> None:
        self.clock.advance(seconds)
        self.engine.receive(StepDue())


@pytest.fixture
def pit() -> Pit:
    return Pit()


def test_it_looks_as_often_as_it_is_told_and_renews_its_lease(pit):
    assert {timer.message: timer.seconds for timer in pit.engine.timers} == {
        LeaseDue(): 2.0,
        StepDue(): 2.0,
    }


def test_everybody_is_given_what_people_begin_with(pit):
    assert pit.market.endowed == list(BOTS.values())


def test_a_step_is_taken_once_however_often_it_is_looked_at(pit):
    pit.step()
    pit.step(0.0)
    pit.step(0.001)

    assert len(pit.brokerage.placed) == 1
    assert (pit.meter.steps, pit.meter.passed) == (1, 0)


def test_steps_that_are_over_are_passed_and_counted(pit):
    pit.step()
    first = pit.brokerage.placed[0]
    pit.step(60)

    assert (pit.meter.steps, pit.meter.passed) == (2, 11)
    keys = [{each.key.rpartition("_")[2] for each in batch} for batch in pit.brokerage.placed]
    assert [int(key) for (key,) in keys][1] == int(first[0].key.rpartition("_")[2]) + 12


def test_who_takes_over_in_the_same_step_uses_the_same_keys(pit):
    pit.step()
    pit.engine = pit.another()
    pit.step(0.0)

    first, again = pit.brokerage.placed
    assert [each.key for each in again] == [each.key for each in first]
    assert again == first


def test_without_the_lease_nothing_is_looked_at(pit):
    pit.lease.free = False
    pit.engine.receive(LeaseDue())

    pit.step()

    assert (pit.calls, pit.brokerage.placed) == ([], [])


def test_a_lease_that_was_lost_while_it_looked_keeps_it_from_placing(pit):
    gains = pit.books.gains

    def late(worths, now_ms):
        pit.lease.mine = False
        return gains(worths, now_ms)

    pit.books.gains = late

    pit.step()

    assert pit.brokerage.placed == []


def test_the_switch_takes_effect_at_the_next_step_and_is_asked_for_each_time(pit):
    pit.step()
    pit.books.enabled = False
    pit.step()
    pit.step()
    assert len(pit.brokerage.placed) == 1
    assert pit.engine.detail()["enabled"] is False

    pit.books.enabled = True
    pit.step()

    assert len(pit.brokerage.placed) == 2


def test_while_bots_are_switched_off_what_waits_of_theirs_is_taken_back_at_each_look(pit):
    pit.step()
    assert pit.orders.withdrawn == []
    pit.books.enabled = False
    pit.books.active = frozenset()  # those of a suspended bot as well
    pit.step()
    pit.step()

    assert pit.orders.withdrawn == [(set(BOTS.values()), Refusal.BOTS_STOPPED)] * 2


def test_while_a_bot_is_suspended_what_waits_of_it_is_taken_back_at_each_look(pit):
    pit.books.active -= {BOTS[MM]}
    pit.step()
    pit.step()
    pit.books.active |= {BOTS[MM]}
    pit.step()

    assert pit.orders.withdrawn == [({BOTS[MM]}, Refusal.ACCOUNT_SUSPENDED)] * 2


def test_what_a_bot_places_while_it_is_suspended_is_taken_back_at_once(pit):
    pit.brokerage.meanwhile = lambda: setattr(
        pit.books, "active", frozenset(BOTS.values()) - {BOTS[MM]}
    )

    pit.step()

    assert MM in pit.brokerage.bots
    assert pit.orders.withdrawn == [({BOTS[MM]}, Refusal.ACCOUNT_SUSPENDED)]


def test_what_is_placed_while_the_switch_is_turned_is_taken_back_at_once(pit):
    pit.brokerage.meanwhile = lambda: setattr(pit.books, "enabled", False)

    pit.step()

    assert len(pit.brokerage.placed) == 1
    assert pit.orders.withdrawn == [(set(BOTS.values()), Refusal.BOTS_STOPPED)]


def test_a_bot_that_is_suspended_does_not_trade(pit):
    pit.books.active -= {BOTS[MM]}

    pit.step()
    pit.step()

    assert MM not in pit.brokerage.bots


def test_a_bot_that_has_lost_too_much_today_takes_on_nothing(pit):
    pit.step()
    assert MM in pit.brokerage.bots
    pit.brokerage.placed = []

    pit.books.today = dict.fromkeys(BOTS.values(), 0) | {BOTS[MM]: -LOSS_E4}
    pit.step()
    assert MM not in pit.brokerage.bots

    pit.books.today[BOTS[MM]] = 1 - LOSS_E4
    pit.step()
    assert MM in pit.brokerage.bots


def test_a_day_is_opened_when_it_is_first_looked_at_in_the_life_that_was_read(pit):
    pit.step()
    pit.step()

    assert pit.books.opened == [(3, pit.clock.calendar() - 5_000)]


def test_what_waits_is_read_before_what_is_owned_and_the_life_before_both(pit):
    pit.step()

    assert pit.calls == ["ground", "life", "waiting", "portfolios", "ground"]


def test_where_an_order_of_its_own_waits_a_bot_does_nothing(pit):
    pit.market.pending = {BOTS[MM]: frozenset({pit.clubs[0].idx})}

    pit.step()

    of_mm = {each.idx for batch in pit.brokerage.placed for each in batch if each.bot == MM}
    assert of_mm == {pit.clubs[1].idx}


def test_a_step_has_no_more_than_so_many_orders_and_all_clubs_have_their_turn():
    pit = Pit(clubs=tuple(club(number) for number in range(1, 201)))

    pit.step()
    pit.step(5 * 64)

    assert [len(batch) for batch in pit.brokerage.placed] == [ORDERS_MAX] * 2
    first, second = ({each.idx for each in batch} for batch in pit.brokerage.placed)
    assert first != second


def test_without_a_match_bots_begin_nothing(pit):
    pit.books.matches = ()

    pit.step()
    assert pit.brokerage.placed == []


def test_everywhere_they_begin_at_once():
    pit = Pit(everywhere=True)
    pit.books.matches = ()

    pit.step()

    assert MM in pit.brokerage.bots


def test_only_what_moved_a_short_while_ago_is_looked_at(pit):
    pit.step()

    assert pit.market.since_ms == pit.clock.calendar() - TRAIL_MS


def test_what_became_of_orders_is_counted(pit):
    pit.step()
    pit.brokerage.result = ("refused", "MARKET_HALTED")
    pit.step()

    assert pit.meter.results[MM.name, "filled"] == 2
    assert pit.meter.results[MM.name, "refused"] == 2
    assert set(pit.meter.refused) == {"MARKET_HALTED"}


def test_an_outage_ends_an_incarnation_and_the_next_goes_on_where_the_calendar_is(pit):
    pit.books.away = psycopg2.OperationalError("gone")
    with pytest.raises(psycopg2.OperationalError):
        pit.step()
    assert pit.brokerage.placed == []

    pit.books.away, pit.engine = None, pit.another()
    pit.step(100)

    assert len(pit.brokerage.placed) == 1


def test_it_tells_what_bots_have_gained(pit):
    pit.step()
    pit.books.today = {BOTS[MM]: -3}
    pit.step()

    pit.brokerage.result = ("refused", "MARKET_HALTED")
    pit.step(10)

    said = pit.engine.detail()
    assert (said["passed"], list(said["refused"])) == (1, ["MARKET_HALTED"])
    assert (said["lease"], said["enabled"]) == (True, True)
    assert said["today_e4"] == {"mm-1": -3, "noise-1": 0, "noise-2": 0, "momentum-1": 0}
    assert set(said["ever_e4"].values()) == {7}


def test_it_gives_the_lease_back_when_it_is_stopped(pit):
    pit.engine.stopped()

    assert pit.lease.released


def test_mean_reversion_goes_short_of_a_club_with_a_premium(pit):
    pit.step()

    deals = [each.deal for each in pit.brokerage.placed[0] if each.bot == MM]
    assert [type(deal) for deal in deals] == [Opening, Opening]
