"""Matches in Postgres: planned, seen, settled once, and read back as they were."""

from dataclasses import replace

import pytest
from touchline.domain.fixtures import Club
from touchline.domain.halts import Phase
from touchline.domain.match import Score
from touchline.store.commands import Base, Bases
from touchline.store.fixtures import Fixtures, Progress
from touchline.store.matches import Matches, Opening

from tests.fakes.matches import ARSENAL, EVERTON, FULHAM, HOUR_MS, KICKOFF_MS, a_match

BASES = Bases(home=Base(1_025_800, 7), away=Base(974_200, 9), life=0)


@pytest.fixture
def matches(pg):
    matches = Matches(pg)
    matches.plan([a_match()], KICKOFF_MS - HOUR_MS)
    return matches


@pytest.fixture
def fixtures(pg):
    return Fixtures(pg)


def rows(pg, query):
    with pg.transaction() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def scores(pg):
    return rows(pg, "SELECT seq, home, away, state FROM match_scores ORDER BY fixture_id, seq")


def test_a_planned_match_is_open_with_its_clubs_and_ratings(matches):
    found = matches.open()

    assert [one.match for one in found.tracked] == [a_match()]
    assert [(one.home, one.away, one.weight_bps, one.opened) for one in found.tracked] == [
        (2, 1, 600, False)
    ]
    assert found.ratings == {ARSENAL.id: 1500, EVERTON.id: 1500}


def test_what_was_seen_is_read_back_whole(matches):
    seen = a_match("FT_PEN", 2, 2, minute=120, reds=(0, 1), penalties=(4, 3))

    matches.seen([seen], KICKOFF_MS + HOUR_MS)

    assert matches.open().tracked[0].match == seen


def test_the_plan_moves_a_match_until_it_has_begun(matches):
    moved = a_match(kickoff_ms=KICKOFF_MS + 24 * HOUR_MS, sides=(ARSENAL, FULHAM))
    matches.plan([moved], 1)
    begun = replace(moved, state="INPLAY_1ST_HALF")
    matches.seen([begun], 2)

    matches.plan([a_match()], 3)

    assert matches.open().tracked[0].match == begun


def test_history_grows_only_where_score_or_state_change(matches, pg):
    live = a_match("INPLAY_1ST_HALF", minute=10)
    for minute, look in enumerate(
        [a_match("NS"), live, replace(live, minute=11), replace(live, score=Score(1)), live]
    ):
        matches.seen([look], KICKOFF_MS + minute * 60_000)

    assert scores(pg) == [
        (1, 0, 0, "INPLAY_1ST_HALF"),
        (2, 1, 0, "INPLAY_1ST_HALF"),
        (3, 0, 0, "INPLAY_1ST_HALF"),
    ]


def test_a_result_is_settled_once_with_its_ratings(matches, fixtures, pg):
    result = a_match("FT", 2, 1, minute=94)

    first = matches.settle(result, 8, BASES, KICKOFF_MS + 2 * HOUR_MS)
    second = matches.settle(a_match("FT", 3, 1), 8, BASES, KICKOFF_MS + 3 * HOUR_MS)

    assert (first, second) == (True, False)
    assert rows(pg, "SELECT id, rating FROM teams ORDER BY id") == [
        (EVERTON.id, 1492),
        (ARSENAL.id, 1508),
    ]
    settled = fixtures.results()[0]
    assert (settled.score, settled.settled_ms) == ((2, 1), KICKOFF_MS + 2 * HOUR_MS)
    assert scores(pg) == [(1, 2, 1, "FT")]
    assert matches.open().tracked == ()


def test_a_settled_result_leaves_the_base_prices_it_made_as_facts(matches, pg):
    matches.settle(a_match("FT", 2, 1), 8, BASES, KICKOFF_MS)
    other = Bases(home=Base(1, 1), away=Base(1, 1), life=0)
    matches.settle(a_match("FT", 2, 1), 8, other, KICKOFF_MS)

    query = "SELECT fixture_id, idx, base_px, instrument_version FROM base_postings ORDER BY idx"
    assert rows(pg, query) == [(500, 1, 974_200, 9), (500, 2, 1_025_800, 7)]


def test_nothing_changes_a_settled_result(matches, fixtures):
    matches.settle(a_match("FT", 2, 1), 8, BASES, KICKOFF_MS)

    matches.seen([a_match("INPLAY_2ND_HALF", 0, 9)], KICKOFF_MS + 1)
    matches.plan([a_match(kickoff_ms=KICKOFF_MS + HOUR_MS)], KICKOFF_MS + 2)

    row = fixtures.fixture(500)
    assert (row.score, row.state, row.kickoff_ms) == ((2, 1), "FT", KICKOFF_MS)


def test_what_a_match_started_from_is_recorded_once_and_anew_after_a_postponement(matches, pg):
    matches.opened([Opening(500, 5700, 0, 1_000_000, 1_010_000)])
    matches.opened([Opening(500, 1, 2, 3, 4)])
    query = "SELECT e_kickoff_bps, pre_home_px, pre_away_px FROM fixtures"
    assert rows(pg, query) == [(5700, 1_000_000, 1_010_000)]
    assert matches.open().tracked[0].opened

    matches.seen([a_match("POSTPONED")], 1)
    matches.plan([a_match(kickoff_ms=KICKOFF_MS + 24 * HOUR_MS)], 2)

    assert rows(pg, query) == [(None, None, None)]


def test_an_empty_listing_changes_nothing(matches):
    matches.plan([], 1)

    assert len(matches.open().tracked) == 1


def test_fixtures_are_read_by_page_and_by_filter(matches, fixtures):
    later = a_match(fixture=501, kickoff_ms=KICKOFF_MS + HOUR_MS, sides=(FULHAM, EVERTON))
    same_time = a_match("POSTPONED", fixture=502, sides=(FULHAM, ARSENAL))
    matches.plan([later, same_time], 1)

    def ids(**filters):
        return [row.id for row in fixtures.list_fixtures(**filters)]

    assert ids() == [500, 502, 501]
    assert ids(limit=2) == [500, 502]
    assert ids(after=(KICKOFF_MS, 502)) == [501]
    assert ids(phase=Phase.VOID) == [502]
    assert ids(club=1) == [500, 501]
    assert ids(start_ms=KICKOFF_MS + 1) == [501]
    assert ids(end_ms=KICKOFF_MS + HOUR_MS) == [500, 502]
    assert fixtures.fixture(999) is None


def test_a_fixture_names_its_clubs_and_their_instruments(matches, fixtures):
    matches.seen([a_match("FT_PEN", 1, 1, penalties=(4, 2))], KICKOFF_MS)

    row = fixtures.fixture(500)

    assert (row.home, row.away) == (Club("Arsenal", "ARS", 2), Club("Everton", "EVE", 1))
    assert (row.league, row.phase) == ("Premier League", Phase.FINISHED)
    assert (row.score, row.penalties, row.settled_ms) == ((1, 1), (4, 2), None)


def test_progress_counts_what_is_settled_and_not_what_the_feed_calls_void(matches, fixtures):
    matches.plan([a_match("CANCELLED", fixture=501)], 1)
    assert fixtures.progress() == Progress(fixtures=2, settled=0, voided=0)

    matches.settle(a_match("FT"), 0, BASES, KICKOFF_MS)

    assert fixtures.progress() == Progress(fixtures=2, settled=1, voided=0)
