"""Results that the feed puts right after they were carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.domain.halts import OPEN, Halt
from touchline.domain.match_events import EventType, MatchEvent
from touchline.domain.results import Pair
from touchline.store.corrections import Corrections
from touchline.store.fence import Fenced
from touchline.store.fixture_acts import FixtureActs, Hindrance, Leader
from touchline.store.matches import Matches
from touchline.store.outage import FeedUnavailable
from touchline.store.replays import restore_guards

from tests.fakes.matchday import BASE_PX, KICKOFF, LOST_PX, WON_PX
from tests.fakes.matches import ARSENAL, FULHAM, HOUR_MS, KICKOFF_MS, a_match
from tests.fakes.venue import Venue

FIXTURE, MINUTE_S, HOUR_S, DAY_S = 500, 60, 3_600, 86_400
DOUBTED = "prices may not be what was settled, or the feed says otherwise, of 500"
DRAWN = a_match("FT", 1, 1, minute=94)
BEATEN = a_match("FT", 1, 2, minute=94)


@dataclass
class Looks:
    """What a venue is shown, and for how long."""

    venue: Venue

    def pass_by(self, seconds: float, every_s: float = MINUTE_S) -> None:
        for _ in range(round(seconds / every_s)):
            self.venue.poll(after_s=every_s)

    def say(self, match: Any) -> None:
        self.venue.feed.show(match)

    def halts(self) -> set[Halt]:
        return {self.venue.arsenal.halt, self.venue.everton.halt}

    def record(self) -> Any:
        return self.venue.fixtures.fixture(FIXTURE)

    def history(self) -> list[tuple[int, int]]:
        with self.venue.pg.transaction() as cursor:
            cursor.execute("SELECT home, away FROM match_scores ORDER BY seq")
            return list(cursor.fetchall())


@pytest.fixture
def venue(redis: Any, pg: Any) -> Any:
    """Arsenal have won, and the result is in the prices."""
    venue = Venue(redis, pg).start()
    venue.full_time()
    yield venue
    report = venue.books()
    assert report.ok, report.as_text()


@pytest.fixture
def looks(venue: Venue) -> Looks:
    return Looks(venue)


def market(venue: Venue) -> Any:
    return venue.bases(), venue.ratings()


def settled_at_once(stores: Any, match: Any) -> Any:
    """The market of an exchange to which *match* was told at full time; all else is gone."""
    venue = Venue(*stores()).start()
    venue.poll(KICKOFF)
    venue.poll(match)
    venue.poll(after_s=120)
    return market(venue)


def test_prices_ratings_and_record_are_as_if_it_had_been_said_at_once(
    venue: Venue, looks: Looks, stores: Any
) -> None:
    assert venue.bases() == (WON_PX, LOST_PX)
    looks.pass_by(HOUR_S)
    looks.say(BEATEN)
    looks.pass_by(HOUR_S)

    assert looks.record().score == (1, 2)
    assert looks.history()[-2:] == [(1, 0), (1, 2)]
    assert venue.meter.corrected == 1
    put_right = market(venue)
    assert put_right == settled_at_once(stores, BEATEN)


def test_it_is_carried_out_once_however_often_it_is_said(venue: Venue, looks: Looks) -> None:
    looks.say(BEATEN)
    looks.pass_by(HOUR_S)
    seq, bases = venue.arsenal.seq, venue.bases()

    looks.pass_by(2 * HOUR_S)
    venue.come_back()
    looks.pass_by(2 * HOUR_S)

    assert venue.bases() == bases
    assert (venue.arsenal.seq, venue.meter.corrected) == (seq, 1)


def test_both_clubs_are_halted_while_it_has_not_stood(venue: Venue, looks: Looks) -> None:
    looks.say(BEATEN)
    looks.pass_by(11 * MINUTE_S)

    assert looks.halts() == {Halt.MATCH_SUSPENDED}
    assert venue.arsenal.index_px == WON_PX
    assert venue.scheduler.detail()["ailing"] == DOUBTED
    assert venue.meter.doubts["otherwise"] == 1

    looks.pass_by(3 * MINUTE_S)

    assert looks.halts() == {OPEN}
    assert venue.arsenal.index_px < BASE_PX
    assert venue.scheduler.detail()["ailing"] == ""


def test_what_is_said_for_less_than_two_minutes_moves_nothing(venue: Venue, looks: Looks) -> None:
    looks.say(BEATEN)
    looks.pass_by(11 * MINUTE_S)
    assert looks.halts() == {Halt.MATCH_SUSPENDED}

    looks.say(a_match("FT", 1, 0, minute=94))
    looks.pass_by(HOUR_S)

    assert venue.bases() == (WON_PX, LOST_PX)
    assert venue.meter.corrected == 0


def test_scores_that_take_turns_never_stand(venue: Venue, looks: Looks) -> None:
    for turn in range(30):
        looks.say(BEATEN if turn % 2 else DRAWN)
        looks.pass_by(MINUTE_S)

    assert venue.arsenal.index_px == WON_PX
    assert looks.halts() == {Halt.MATCH_SUSPENDED}
    looks.say(DRAWN)
    looks.pass_by(HOUR_S)
    assert looks.record().score == (1, 1)


def test_full_time_that_was_none_is_seen_at_once_and_settled_when_it_is(
    venue: Venue, looks: Looks, stores: Any
) -> None:
    extra_time = a_match("INPLAY_ET", 1, 1, minute=100, ticking=True)
    looks.say(extra_time)
    looks.pass_by(MINUTE_S)
    assert looks.halts() == {Halt.MATCH_SUSPENDED}

    over = a_match("FT_PEN", 1, 1, minute=120, penalties=(3, 4))
    looks.say(over)
    looks.pass_by(HOUR_S)

    record = looks.record()
    assert (record.state, record.score, record.penalties) == ("FT_PEN", (1, 1), (3, 4))
    put_right = market(venue)
    assert put_right == settled_at_once(stores, over)


def test_kicks_of_a_shoot_out_are_put_on_record_and_halt_nobody(venue: Venue, looks: Looks) -> None:
    looks.say(a_match("FT_PEN", 1, 0, minute=120, penalties=(3, 4)))
    halts = set()
    for _ in range(60):
        looks.pass_by(MINUTE_S)
        halts |= looks.halts()

    assert halts == {OPEN}
    assert looks.record().penalties == (3, 4)
    assert venue.bases() == (WON_PX, LOST_PX)


@pytest.mark.parametrize("days", [1, 6, 13])
def test_it_may_come_days_later(venue: Venue, looks: Looks, days: int) -> None:
    looks.pass_by(days * DAY_S, every_s=HOUR_S)
    looks.say(BEATEN)
    looks.pass_by(2 * HOUR_S)

    assert looks.record().score == (1, 2)


def test_after_two_weeks_nobody_asks(venue: Venue, looks: Looks) -> None:
    looks.pass_by(15 * DAY_S, every_s=HOUR_S)
    looks.say(BEATEN)
    venue.feed.asked.clear()
    looks.pass_by(DAY_S, every_s=HOUR_S)

    assert "fixtures" not in venue.feed.asked
    assert looks.record().score == (1, 0)


@pytest.mark.parametrize("state", ["AWARDED", "ABANDONED", "CANCELLED", "ROOF_CLOSED", "NS"])
def test_what_has_no_result_any_more_halts_until_an_operator_has_spoken(
    venue: Venue, looks: Looks, state: str
) -> None:
    looks.say(a_match(state, 1, 0))
    looks.pass_by(HOUR_S)
    assert looks.halts() == {Halt.MATCH_SUSPENDED}
    assert venue.arsenal.index_px == WON_PX

    # The same result: it is as it was, and an operator's word now.
    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)
    acts.resettle(FIXTURE, Pair(1, 0), venue.clock.calendar())
    looks.pass_by(HOUR_S)

    assert venue.bases() == (WON_PX, LOST_PX)
    assert venue.scheduler.detail()["ailing"] == ""


def test_what_an_operator_has_said_is_not_put_right(venue: Venue, looks: Looks) -> None:
    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)
    acts.resettle(FIXTURE, Pair(3, 0), venue.clock.calendar())
    bases = venue.bases()

    looks.say(BEATEN)
    looks.pass_by(DAY_S, every_s=MINUTE_S * 30)

    assert venue.bases() == bases
    assert (looks.record().score, venue.meter.corrected) == ((3, 0), 0)


def test_an_operator_may_speak_between_the_look_and_the_act(venue: Venue, looks: Looks) -> None:
    looks.say(BEATEN)
    looks.pass_by(11 * MINUTE_S)
    with venue.pg.transaction() as cursor:
        cursor.execute("UPDATE fixtures SET ruled_at = now() WHERE id = %s", (FIXTURE,))
    looks.pass_by(10 * MINUTE_S)

    assert venue.arsenal.index_px == WON_PX
    assert (looks.record().score, venue.meter.corrected) == ((1, 0), 0)


def a_day_later(state: str, *score: int) -> Any:
    kickoff_ms = KICKOFF_MS + 24 * HOUR_MS
    return a_match(state, *score, fixture=501, kickoff_ms=kickoff_ms, sides=(ARSENAL, FULHAM))


def test_a_match_that_is_being_played_is_not_disturbed(venue: Venue, looks: Looks) -> None:
    looks.say(a_day_later("NS"))
    looks.pass_by(DAY_S - 2 * MINUTE_S, every_s=HOUR_S / 4)
    looks.say(a_day_later("INPLAY_1ST_HALF"))
    looks.say(BEATEN)
    looks.pass_by(2 * HOUR_S)

    assert (venue.arsenal.halt, venue.arsenal.base_px) == (OPEN, WON_PX)
    # The other one does not play, and its price is in question.
    assert venue.everton.halt == Halt.MATCH_SUSPENDED
    assert venue.meter.doubts["otherwise"] == 1
    looks.say(a_day_later("FT", 0, 0))
    looks.pass_by(HOUR_S)


def test_one_that_a_later_result_rests_on_waits_for_an_operator_and_halts_nobody(
    venue: Venue, looks: Looks
) -> None:
    looks.say(a_day_later("NS"))
    looks.pass_by(DAY_S, every_s=HOUR_S / 4)
    looks.say(a_day_later("FT", 0, 0))
    looks.pass_by(2 * HOUR_S)
    bases = (venue.arsenal.base_px, venue.everton.base_px)

    looks.say(BEATEN)
    looks.pass_by(3 * HOUR_S)

    assert (venue.arsenal.base_px, venue.everton.base_px) == bases
    assert looks.halts() == {OPEN}
    assert venue.scheduler.detail()["ailing"] == DOUBTED
    # An operator takes the later one back, and gives both again.
    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)
    for fixture, goals in ((501, None), (500, Pair(1, 2)), (501, Pair(0, 0))):
        now_ms = venue.clock.calendar()
        acts.void(fixture, now_ms) if goals is None else acts.resettle(fixture, goals, now_ms)
    looks.pass_by(HOUR_S)
    assert venue.scheduler.detail()["ailing"] == ""


def test_a_replica_that_has_been_overtaken_puts_nothing_right(venue: Venue) -> None:
    matches, another = Matches(venue.pg), Matches(venue.pg)
    for leader in (matches, another):
        leader.lead()
        leader.plan([], venue.clock.calendar())
    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)

    corrections = Corrections(venue.pg, venue.hot, matches, acts, "one")
    with pytest.raises(Fenced):
        corrections.put_right(BEATEN, venue.clock.calendar())

    assert venue.bases() == (WON_PX, LOST_PX)
    assert venue.fixtures.fixture(FIXTURE).score == (1, 0)


class Killed(BaseException):
    """As if the process had died."""


def lead_anew(venue: Venue) -> None:
    venue.scheduler.stopped()
    venue.scheduler = venue.another("two")
    venue.scheduler.started()


def broken_off(venue: Venue, goals: Pair) -> None:
    """An act is in Redis, and dies before it is in Postgres."""

    def die(_cursor: Any, _change: Any) -> None:
        raise Killed

    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)
    leader = Leader("one", lambda _cursor: None)
    with pytest.raises(Killed):
        acts.put_right(FIXTURE, goals, venue.clock.calendar(), leader, die)
    lead_anew(venue)


@pytest.mark.parametrize(
    "after", [a_match("FT", 1, 0, minute=94), BEATEN, DRAWN], ids=["taken back", "said", "another"]
)
def test_an_act_that_was_broken_off_ends_as_the_feed_says_then(
    venue: Venue, looks: Looks, stores: Any, after: Any
) -> None:
    broken_off(venue, Pair(1, 2))
    looks.say(after)
    looks.pass_by(2 * MINUTE_S)
    if after is BEATEN:
        assert looks.halts() == {Halt.MATCH_SUSPENDED}
    looks.pass_by(HOUR_S)

    assert looks.record().score == (after.score.home, after.score.away)
    assert venue.books().ok
    ended = market(venue)
    assert ended == settled_at_once(stores, after)


def test_an_act_that_was_broken_off_is_known_after_redis_was_put_back(
    venue: Venue, looks: Looks
) -> None:
    broken_off(venue, Pair(1, 2))
    restore_guards(venue.redis, venue.keys, venue.pg)
    lead_anew(venue)
    looks.pass_by(HOUR_S)

    assert venue.bases() == (WON_PX, LOST_PX)


def test_a_replica_without_the_lease_moves_no_price(venue: Venue) -> None:
    matches = Matches(venue.pg)
    matches.lead()  # the fence alone would let it pass
    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)
    corrections = Corrections(venue.pg, venue.hot, matches, acts, "another")

    with pytest.raises(Fenced):
        corrections.put_right(BEATEN, venue.clock.calendar())

    assert venue.bases() == (WON_PX, LOST_PX)


def test_after_an_act_of_an_operator_was_broken_off_their_word_on_record_counts(
    venue: Venue, looks: Looks
) -> None:
    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)
    acts.resettle(FIXTURE, Pair(2, 0), venue.clock.calendar())
    bases = venue.bases()

    def die(_cursor: Any, _change: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        acts.void(FIXTURE, venue.clock.calendar(), die)
    assert venue.arsenal.base_px == BASE_PX
    looks.say(BEATEN)
    lead_anew(venue)
    looks.pass_by(MINUTE_S)

    assert venue.bases() == bases
    assert looks.record().score == (2, 0)


def test_it_waits_for_the_end_of_a_match_and_is_put_right_if_that_comes_to_nothing(
    venue: Venue, looks: Looks
) -> None:
    looks.say(a_day_later("NS"))
    looks.pass_by(DAY_S - 2 * MINUTE_S, every_s=HOUR_S / 4)
    looks.say(a_day_later("INPLAY_1ST_HALF"))
    looks.say(BEATEN)
    looks.pass_by(2 * HOUR_S)
    assert looks.record().score == (1, 0)

    looks.say(a_day_later("ABANDONED"))
    looks.pass_by(HOUR_S)

    assert looks.record().score == (1, 2)
    assert looks.halts() == {OPEN}


def test_cards_and_events_of_the_last_look_are_put_on_record(venue: Venue, looks: Looks) -> None:
    goal = MatchEvent(
        id=9,
        type=EventType.GOAL,
        team=13,
        minute=95,
        extra_minute=None,
        player="B. Player",
        info=None,
        rescinded=False,
    )
    looks.say(replace(a_match("FT", 1, 2, minute=97, reds=(1, 0)), events=(goal,)))
    looks.pass_by(HOUR_S)

    with venue.pg.transaction() as cursor:
        cursor.execute("SELECT home_reds, away_reds, minute FROM fixtures")
        assert cursor.fetchall() == [(1, 0, 97)]
        cursor.execute("SELECT event_id, team_id FROM match_events")
        assert cursor.fetchall() == [(9, 13)]


def test_what_is_not_settled_is_not_put_right(redis: Any, pg: Any) -> None:
    venue = Venue(redis, pg).start()
    venue.poll(KICKOFF)
    matches = Matches(pg)
    matches.lead()
    acts = FixtureActs(pg, redis, venue.keys, venue.hot)

    corrections = Corrections(pg, venue.hot, matches, acts, "one")
    outcome = corrections.put_right(BEATEN, venue.clock.calendar())

    assert outcome is Hindrance.UNSETTLED
    assert venue.fixtures.results() == ()


def lead(venue: Venue, leader: Any, other: Any) -> None:
    venue.redis.delete(venue.keys.lease("scheduler"))
    leader.receive(LeaseDue())
    other.receive(LeaseDue())
    venue.scheduler = leader


def test_what_was_said_while_it_led_before_does_not_count(venue: Venue, looks: Looks) -> None:
    one, two = venue.scheduler, venue.another("two")
    two.started()
    looks.say(BEATEN)
    looks.pass_by(11 * MINUTE_S)
    lead(venue, two, one)
    looks.say(a_match("FT", 1, 0, minute=94))
    looks.pass_by(5 * HOUR_S)

    lead(venue, one, two)
    looks.say(BEATEN)
    for _ in range(5):
        venue.poll(after_s=2)

    assert (looks.record().score, looks.halts()) == ((1, 0), {Halt.MATCH_SUSPENDED})
    looks.pass_by(5 * MINUTE_S)
    assert looks.record().score == (1, 2)


@pytest.mark.parametrize("down", [False, True], ids=["feed", "no feed"])
def test_clubs_in_doubt_stay_halted_over_a_restart(venue: Venue, looks: Looks, down: bool) -> None:
    looks.say(a_match("AWARDED", 3, 0))
    looks.pass_by(HOUR_S)
    venue.feed.down = FeedUnavailable("gone") if down else None
    lead_anew(venue)

    for _ in range(30):
        venue.poll(after_s=2)
        assert looks.halts() == {Halt.MATCH_SUSPENDED}
    ailing = venue.scheduler.detail()["ailing"]
    assert DOUBTED in str(ailing)


def test_a_doubt_outlives_the_time_in_which_it_could_arise(venue: Venue, looks: Looks) -> None:
    looks.pass_by(13 * DAY_S + 20 * HOUR_S, every_s=HOUR_S)
    looks.say(a_match("AWARDED", 3, 0))
    looks.pass_by(DAY_S, every_s=HOUR_S)

    assert looks.halts() == {Halt.MATCH_SUSPENDED}
    assert venue.meter.doubts["otherwise"] == 1


def test_a_look_that_failed_is_had_again_at_once(venue: Venue, looks: Looks) -> None:
    looks.say(BEATEN)
    answer = venue.feed.fixtures

    def fail(ids: Any) -> Any:
        raise FeedUnavailable("HTTP 500")

    venue.feed.fixtures = fail
    looks.pass_by(11 * MINUTE_S)
    venue.feed.fixtures = answer
    looks.pass_by(2 * MINUTE_S)

    assert looks.halts() == {Halt.MATCH_SUSPENDED}


def test_the_lease_is_trusted_anew_before_it_is_asked_for(venue: Venue, looks: Looks) -> None:
    looks.pass_by(9 * MINUTE_S)
    venue.clock.advance(MINUTE_S)
    venue.scheduler.receive(LeaseDue())
    venue.clock.advance(4.5)
    answer = venue.feed.fixtures

    def slow(ids: Any) -> Any:
        venue.clock.advance(3)
        return answer(ids)

    venue.feed.fixtures = slow
    venue.feed.asked.clear()
    venue.scheduler.receive(PollDue())

    assert "fixtures" in venue.feed.asked
    assert venue.scheduler.detail()["lease"]


def test_the_same_result_again_by_an_operator_repairs_what_was_broken_off(
    venue: Venue, looks: Looks
) -> None:
    acts = FixtureActs(venue.pg, venue.redis, venue.keys, venue.hot)

    def die(_cursor: Any, _change: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        acts.resettle(FIXTURE, Pair(4, 4), venue.clock.calendar(), die)
    assert venue.arsenal.base_px != WON_PX

    acts.resettle(FIXTURE, Pair(1, 0), venue.clock.calendar())

    assert venue.bases() == (WON_PX, LOST_PX)


def test_the_clubs_of_a_void_match_are_asked_for_until_it_is_awarded(redis: Any, pg: Any) -> None:
    venue = Venue(redis, pg).start()
    looks = Looks(venue)
    venue.poll(KICKOFF)
    looks.say(a_match("ABANDONED"))
    looks.pass_by(3 * DAY_S, every_s=HOUR_S)
    assert looks.halts() == {OPEN}

    looks.say(a_match("AWARDED", 3, 0))
    looks.pass_by(2 * HOUR_S)

    assert looks.halts() == {Halt.MATCH_SUSPENDED}


@settings(max_examples=8)
@given(
    words=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([1, 5, 15, 70])),
        min_size=1,
        max_size=6,
    )
)
def test_in_the_end_only_what_the_feed_says_last_counts(
    stores: Any, words: list[tuple[int, int, int]]
) -> None:
    venue = Venue(*stores()).start()
    venue.full_time()
    looks = Looks(venue)
    for home, away, minutes in words:
        looks.say(a_match("FT", home, away, minute=94))
        looks.pass_by(minutes * MINUTE_S)
    looks.pass_by(2 * HOUR_S)

    report = venue.books()
    assert report.ok, report.as_text()
    put_right = market(venue)
    assert put_right == settled_at_once(stores, a_match("FT", *words[-1][:2], minute=94))
