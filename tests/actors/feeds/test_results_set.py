"""Results that operators set and take back, beside a scheduler that has seen others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.results import Pair
from touchline.store.fixture_acts import FixtureActs, Hindrance, ResultChange
from touchline.store.team_links import TeamLinks

from tests.fakes.matchday import BASE_PX, KICKOFF, LEADING, LOST_PX, WON, WON_PX
from tests.fakes.matches import ARSENAL, FULHAM, HOUR_MS, KICKOFF_MS, a_match
from tests.fakes.venue import Venue

FIXTURE = 500
HOME_WIN, AWAY_WIN = Pair(1, 0), Pair(0, 2)
BEFORE = (BASE_PX, BASE_PX)


@dataclass
class Office:
    """An operator's acts at a venue."""

    venue: Venue

    @property
    def acts(self) -> FixtureActs:
        venue = self.venue
        return FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)

    def resettle(self, goals: Pair, fixture: int = FIXTURE) -> ResultChange | Hindrance:
        return self.acts.resettle(fixture, goals, self.venue.clock.calendar())

    def void(self, fixture: int = FIXTURE) -> ResultChange | Hindrance:
        return self.acts.void(fixture, self.venue.clock.calendar())

    def link(self, side: Any, idx: int, fixture: int = FIXTURE) -> Any:
        return TeamLinks(self.venue.pg, self.venue.hot).link(fixture, side, InstrumentIdx(idx))

    def prove(self) -> None:
        report = self.venue.books()
        assert report.ok, report.as_text()


@pytest.fixture
def venue(redis: Any, pg: Any) -> Venue:
    venue: Venue = Venue(redis, pg).start()
    return venue


@pytest.fixture
def office(venue: Venue) -> Any:
    office = Office(venue)
    yield office
    office.prove()


@pytest.fixture
def settled(venue: Venue, office: Office) -> Venue:
    """Arsenal have won, and the result is in the prices."""
    venue.full_time()
    assert venue.bases() == (WON_PX, LOST_PX)
    return venue


def test_another_result_is_reckoned_from_the_prices_before_the_match(
    settled: Venue, office: Office
) -> None:
    change = office.resettle(AWAY_WIN)

    assert isinstance(change, ResultChange)
    home_px, away_px = settled.bases()
    assert home_px < BASE_PX < away_px
    # As far below as above: what one club loses the other gains, of equal prices.
    assert abs(BASE_PX - home_px - (away_px - BASE_PX)) <= 1
    assert settled.fixtures.results()[0].score == (0, 2)
    # A rating that a home win has moved up goes down by what an away win takes.
    everton, arsenal = settled.ratings()
    assert (arsenal < 1500 < everton, arsenal + everton) == (True, 3_000)


def test_the_same_result_again_changes_nothing(settled: Venue, office: Office) -> None:
    ratings, seq = settled.ratings(), settled.arsenal.seq

    change = office.resettle(HOME_WIN)

    assert isinstance(change, ResultChange)
    assert change.before == change.after
    assert (settled.bases(), settled.ratings()) == ((WON_PX, LOST_PX), ratings)
    assert settled.arsenal.seq == seq


def test_a_void_result_is_taken_back_and_can_be_given_again(settled: Venue, office: Office) -> None:
    ratings = settled.ratings()

    office.void()
    assert (settled.bases(), settled.ratings()) == (BEFORE, [1_500, 1_500])
    assert settled.fixtures.results() == ()
    assert settled.fixtures.fixture(FIXTURE).phase is Phase.VOID

    office.resettle(HOME_WIN)
    assert (settled.bases(), settled.ratings()) == ((WON_PX, LOST_PX), ratings)
    assert settled.fixtures.results()[0].score == (1, 0)
    assert settled.fixtures.fixture(FIXTURE).phase is Phase.FINISHED


def test_the_feed_does_not_take_an_operators_word_back(settled: Venue, office: Office) -> None:
    office.resettle(AWAY_WIN)
    bases = settled.bases()

    settled.poll(WON)
    settled.poll(after_s=7_200)  # it is listed again meanwhile

    assert settled.bases() == bases
    assert settled.fixtures.results()[0].score == (0, 2)


def test_a_match_that_was_broken_off_is_void_at_once_and_for_good(
    venue: Venue, office: Office
) -> None:
    venue.poll(KICKOFF)
    venue.poll(LEADING)
    broken_off = a_match("INTERRUPTED", 1, 0, minute=30)
    venue.poll(broken_off)
    assert Halt.MATCH_SUSPENDED in venue.arsenal.halt

    office.void()

    assert venue.bases() == BEFORE
    venue.poll(broken_off)
    venue.poll(after_s=7_200)
    assert venue.bases() == BEFORE
    assert venue.fixtures.progress().voided == 1


def test_a_match_that_was_decided_off_the_pitch_is_settled_by_hand(
    venue: Venue, office: Office
) -> None:
    venue.poll(KICKOFF)
    venue.poll(a_match("AWARDED", 0, 0))
    assert Halt.MATCH_SUSPENDED in venue.arsenal.halt

    office.resettle(Pair(3, 0))

    assert venue.bases() == (WON_PX, LOST_PX)
    venue.poll()
    assert venue.bases() == (WON_PX, LOST_PX)
    assert venue.fixtures.progress().settled == 1


def test_a_match_that_is_being_played_is_left_alone(venue: Venue, office: Office) -> None:
    venue.poll(KICKOFF)

    assert office.resettle(HOME_WIN) is Hindrance.LIVE
    assert office.void() is Hindrance.LIVE
    assert venue.arsenal.phase is Phase.LIVE


def test_a_match_that_has_not_begun_has_no_result(venue: Venue, office: Office) -> None:
    assert office.resettle(HOME_WIN) is Hindrance.NOT_BEGUN
    assert office.resettle(HOME_WIN, fixture=501) is Hindrance.UNKNOWN


def test_a_match_that_is_void_before_it_began_moves_nothing(venue: Venue, office: Office) -> None:
    office.void()

    venue.poll(KICKOFF)
    venue.poll(LEADING)

    assert venue.bases() == BEFORE


def test_a_result_that_a_later_one_rests_on_stays(settled: Venue, office: Office) -> None:
    again = {"fixture": 501, "kickoff_ms": KICKOFF_MS + 20 * HOUR_MS, "sides": (ARSENAL, FULHAM)}
    settled.poll(a_match("NS", **again), after_s=3_700)
    settled.poll()  # it is listed
    settled.poll(a_match("INPLAY_1ST_HALF", **again), after_s=20 * 3_600)
    assert office.resettle(AWAY_WIN) is Hindrance.CLUB_IN_PLAY
    settled.poll(a_match("FT", 0, 1, **again))
    settled.poll(after_s=120)
    lost_px = settled.arsenal.base_px
    assert lost_px < WON_PX

    assert office.resettle(AWAY_WIN) is Hindrance.OVERTAKEN
    assert settled.arsenal.base_px == lost_px

    office.void(501)
    assert isinstance(office.resettle(AWAY_WIN), ResultChange)
    beaten_px = settled.arsenal.base_px
    # It was played from another price, and what it comes to is reckoned from the present one.
    assert isinstance(office.resettle(Pair(0, 1), fixture=501), ResultChange)
    assert settled.arsenal.base_px < beaten_px < BASE_PX


def test_a_result_set_by_hand_comes_back_after_redis_was_lost(
    settled: Venue, office: Office
) -> None:
    office.resettle(AWAY_WIN)
    bases = settled.bases()

    settled.redis.flushdb()
    settled.come_back()

    assert settled.bases() == bases


def test_an_act_that_redis_has_carried_out_and_postgres_lacks_may_be_repeated(
    settled: Venue, office: Office
) -> None:
    with settled.pg.transaction() as cursor:
        cursor.execute("SELECT settled_at FROM fixtures WHERE id = %s", (FIXTURE,))
        (settled_at,) = cursor.fetchone()
    office.resettle(AWAY_WIN)
    bases = settled.bases()
    # As if the process had died before its commit.
    with settled.pg.transaction() as cursor:
        cursor.execute("DELETE FROM fixture_corrections")
        cursor.execute(
            "UPDATE fixtures SET home_goals = 1, away_goals = 0, settled_at = %s", (settled_at,)
        )

    assert isinstance(office.resettle(AWAY_WIN), ResultChange)
    assert settled.bases() == bases


def test_a_team_that_is_linked_moves_another_instrument_from_then_on(
    venue: Venue, office: Office
) -> None:
    linked = office.link("home", 1)

    assert (linked.before, linked.after) == (Pair(2, 1), Pair(1, 2))
    venue.full_time()
    assert (venue.hot.instrument(1).base_px, venue.hot.instrument(2).base_px) == (WON_PX, LOST_PX)
    assert office.link("home", 1).before == Pair(1, 2)


def test_what_was_settled_stays_with_the_instruments_it_moved(
    settled: Venue, office: Office
) -> None:
    office.link("home", 1)

    assert settled.fixtures.results()[0].home.idx == 2
    office.void()
    assert settled.bases() == BEFORE


def test_no_team_is_linked_while_one_of_the_two_plays(venue: Venue, office: Office) -> None:
    venue.poll(KICKOFF)

    assert office.link("home", 1) is Hindrance.CLUB_IN_PLAY
    assert venue.fixtures.fixture(FIXTURE).home.idx == 2


ACTS = st.lists(
    st.one_of(st.none(), st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda g: Pair(*g))),
    min_size=1,
    max_size=6,
)


@settings(max_examples=8)
@given(acts=ACTS)
def test_only_the_last_word_counts(stores: Any, acts: list[Pair | None]) -> None:
    """Whatever operators said before it; and the books add up at every moment."""
    redis, pg = stores()
    venue = Venue(redis, pg).start()
    venue.full_time()
    office = Office(venue)
    for goals in acts:
        office.void() if goals is None else office.resettle(goals)
        office.prove()
    bases, ratings = venue.bases(), venue.ratings()

    other = Venue(*stores()).start()
    other.full_time()
    once = Office(other)
    once.void() if acts[-1] is None else once.resettle(acts[-1])

    assert (bases, ratings) == (other.bases(), other.ratings())
    assert (other.arsenal.halt, other.everton.halt) == (OPEN, OPEN)
