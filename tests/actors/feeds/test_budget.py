"""The sum of all calls stays within the plan, whoever makes them and whatever happens."""

import random

import pytest
from touchline.actors.feeds.budget import Budget
from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.actors.feeds.pace import Pace
from touchline.actors.feeds.spectator import Spectator
from touchline.domain.allowance import HOURLY
from touchline.store.feed import RateLimited
from touchline.store.outage import FeedUnavailable

from tests.fakes.clock import FakeClock
from tests.fakes.matchday import Exchange
from tests.fakes.matches import EVERTON, FULHAM, HOUR_MS, KICKOFF_MS, Team, a_match
from tests.fakes.plan import PlanFeed

STARTER, FREE = 2_000, 180  #: calls an hour
POLL_S = 2


class Notes:
    """`feed:health`, without a Redis."""

    def __init__(self):
        self._fields = {}

    def feed_health(self):
        return dict(self._fields)

    def set_feed_health(self, fields):
        self._fields |= {name: str(value) for name, value in fields.items()}


class Crash(Exception):
    """The process ends in the middle of a call."""


class Round:
    """Forty matches at once, some of them hidden and some over, and two replicas that follow it."""

    def __init__(self, hourly, hidden=4, silent=False):
        self.clock = FakeClock(KICKOFF_MS)
        self.feed = PlanFeed(hourly, self.clock.calendar, *map(a_round_match, range(40)))
        self.feed.page_size = 1
        self.feed.silent = silent
        self.hourly = hourly if silent else HOURLY
        self.feed.hidden = set(range(hidden))
        self.notes = Notes()
        self.replicas = [self.reader(), self.reader()]
        self.leader = 0
        self.looks_ms = []

    def reader(self):
        """A replica that comes to lead, or to live."""
        budget = Budget(self.feed, self.notes, self.hourly)
        budget.resume()
        return Spectator(self.feed, Pace.at(1), budget)

    def take_over(self, replica):
        self.leader = replica
        self.replicas[replica] = self.reader()

    def poll(self):
        before = len(self.feed.asked)
        try:
            self.replicas[self.leader].poll(self.clock.calendar())
        except Crash:
            self.take_over(self.leader)
        if "inplay" in self.feed.asked[before:]:
            self.looks_ms.append(self.clock.calendar())
        self.clock.advance(POLL_S)

    def longest_blind_ms(self):
        return max(b - a for a, b in zip(self.looks_ms, self.looks_ms[1:], strict=False))


def a_round_match(number):
    sides = (Team(2 * number + 100, f"Home {number}", None), Team(2 * number + 101, "Away", None))
    state = "FT" if number >= 30 else "INPLAY_1ST_HALF"
    return a_match(state, fixture=number, sides=sides)


def trouble(dice, round_):
    """What may happen between two polls."""
    if dice.random() < 0.003:
        round_.take_over(dice.randrange(2))
    if dice.random() < 0.01:
        round_.feed.down = dice.choice(
            [None, FeedUnavailable("HTTP 500"), RateLimited(60), RateLimited(1), Crash()]
        )
    elif dice.random() < 0.2:
        round_.feed.down = None
    if dice.random() < 0.01:
        round_.feed.hidden ^= {dice.randrange(40)}


@pytest.mark.parametrize("silent", [False, True], ids=["told", "untold"])
@pytest.mark.parametrize("hourly", [STARTER, FREE])
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_is_never_overdrawn_by_two_replicas_that_crash_and_take_over(seed, hourly, silent):
    dice, round_ = random.Random(seed), Round(hourly, silent=silent)

    for _ in range(3 * 3600 // POLL_S):
        trouble(dice, round_)
        round_.poll()

    assert round_.feed.refused == 0
    assert len(round_.feed.hours) >= 3
    assert max(round_.feed.hours) <= hourly


@pytest.mark.parametrize("hourly", [STARTER, FREE])
@pytest.mark.parametrize("minutes", [1, 20, 59.5])
def test_an_answer_that_is_repeated_for_hours_does_not_overdraw_the_plan(hourly, minutes):
    round_ = Round(hourly)

    for polls in range(3 * 3600 // POLL_S):
        round_.feed.frozen = 60 * minutes <= polls * POLL_S < 2.5 * 3600
        round_.poll()

    assert round_.feed.refused == 0
    # When it tells the truth again there is as much to be had as ever.
    assert round_.feed.hours[-1] > hourly / 5


def test_where_looks_alone_use_most_of_a_plan_vanished_matches_make_no_match_stale():
    round_ = Round(STARTER)

    for _ in range(2 * 3600 // POLL_S):
        round_.poll()

    assert round_.feed.refused == 0
    assert round_.longest_blind_ms() < 10_000
    assert round_.feed.asked.count("fixtures") > 100


def test_a_full_plan_is_looked_with_every_two_seconds():
    round_ = Round(5_000, hidden=0)

    for _ in range(3600 // POLL_S):
        round_.poll()

    assert len(round_.looks_ms) == 1_800


def test_a_small_plan_is_spread_over_the_hour():
    round_ = Round(FREE, hidden=0)

    for _ in range(3600 // POLL_S):
        round_.poll()

    assert round_.feed.hours[0] > 0.8 * FREE
    assert round_.longest_blind_ms() < 90_000


def test_a_feed_that_never_tells_is_asked_for_what_was_paid_for_and_no_more():
    round_ = Round(FREE, hidden=30, silent=True)
    round_.feed.down = FeedUnavailable("HTTP 500")

    for _ in range(3 * 3600 // POLL_S):
        round_.poll()

    assert round_.feed.refused == 0
    assert round_.feed.hours[0] > 0.8 * FREE


def test_a_smaller_plan_counts_from_the_next_start_on():
    clock = FakeClock(KICKOFF_MS)
    feed, notes = PlanFeed(STARTER, clock.calendar), Notes()
    feed.silent = True
    Budget(feed, notes, STARTER).spend(KICKOFF_MS)

    budget = Budget(feed, notes, 3)
    budget.resume()
    for _ in range(3):
        assert budget.granted(KICKOFF_MS)
        budget.spend(KICKOFF_MS)

    assert not budget.granted(KICKOFF_MS)


@pytest.fixture
def exchange(redis, pg):
    return Exchange(redis, pg)


def metered(exchange, hourly, *matches):
    """Give *exchange* a feed with such a plan, and a scheduler that reads it."""
    exchange.feed = PlanFeed(hourly, exchange.clock.calendar, *matches)
    exchange.scheduler = exchange.another()
    exchange.scheduler.started()
    return exchange.feed


def test_a_scheduler_that_starts_anew_keeps_to_what_the_one_before_has_left(exchange):
    feed = metered(exchange, 2, a_match("NS"))
    exchange.poll()
    assert feed.hours == [2]

    for _ in range(20):
        exchange.scheduler = exchange.another()
        exchange.scheduler.started()
        exchange.poll(after_s=60)

    assert (feed.hours, feed.refused) == ([2], 0)
    assert exchange.scheduler.detail()["ailing"].startswith("the plan's calls are used up until")


def test_a_scheduler_asks_again_once_the_plan_is_renewed(exchange):
    feed = metered(exchange, 2, a_match("NS"))
    exchange.poll()

    exchange.poll(after_s=3_602)

    assert (feed.hours, feed.refused) == ([2, 2], 0)


def test_whoever_is_refused_a_page_of_a_listing_does_not_look_either(exchange):
    exchange.scheduler.started()
    exchange.feed.on_page = lambda: setattr(exchange.feed, "down", RateLimited(600))
    exchange.poll()
    exchange.feed.asked.clear()

    for _ in range(9):
        exchange.scheduler.receive(LeaseDue())
        exchange.scheduler.receive(PollDue())
        exchange.clock.advance(60)

    assert exchange.feed.asked == []


def test_many_matches_that_are_over_are_asked_for_in_one_call_at_a_time():
    clock = FakeClock(KICKOFF_MS + 3 * HOUR_MS)
    sides = [(Team(n, f"T{n}", None), (FULHAM, EVERTON)[n % 2]) for n in range(200, 320)]
    matches = [a_match("FT", fixture=n, sides=pair) for n, pair in enumerate(sides)]
    feed = PlanFeed(STARTER, clock.calendar, *matches)
    feed.page_size = 200
    asked_for = []
    answer = feed.fixtures
    feed.fixtures = lambda ids: (asked_for.append(len(ids)), answer(ids))[1]
    spectator = Spectator(feed, Pace.at(1), Budget(feed))

    for _ in range(9):
        spectator.poll(clock.calendar())
        clock.advance(POLL_S)

    assert max(asked_for) == 50
    assert sum(asked_for) >= 120
