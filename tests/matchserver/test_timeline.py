"""What can be seen of a match at an instant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.matchserver.matches import Incident, IncidentKind, PeriodKind, goals_at, result
from touchline.matchserver.openfootball import load_openfootball
from touchline.matchserver.season import generate_season
from touchline.matchserver.timeline import moment

from tests.matchserver.match_days import KICKOFF_MS, long_final
from tests.matchserver.season_files import SMALL_CUP

FINAL = long_final()
FIRST, SECOND, EXTRA_FIRST, EXTRA_SECOND, SHOOT_OUT = FINAL.periods
PLAYED = (*load_openfootball(SMALL_CUP).matches, *generate_season(1, clubs=4).matches)


@pytest.mark.parametrize(
    ("at_ms", "state"),
    [
        (0, "NS"),
        (KICKOFF_MS - 1, "NS"),
        (KICKOFF_MS, "INPLAY_1ST_HALF"),
        (FIRST.end_ms - 1, "INPLAY_1ST_HALF"),
        (FIRST.end_ms, "HT"),
        (SECOND.start_ms, "INPLAY_2ND_HALF"),
        (SECOND.end_ms, "BREAK"),
        (EXTRA_FIRST.start_ms, "INPLAY_ET"),
        (EXTRA_FIRST.end_ms, "EXTRA_TIME_BREAK"),
        (EXTRA_SECOND.start_ms, "INPLAY_ET_2ND_HALF"),
        (EXTRA_SECOND.end_ms, "PEN_BREAK"),
        (SHOOT_OUT.start_ms, "INPLAY_PENALTIES"),
        (SHOOT_OUT.end_ms - 1, "INPLAY_PENALTIES"),
        (SHOOT_OUT.end_ms, "FT_PEN"),
        (SHOOT_OUT.end_ms * 2, "FT_PEN"),
    ],
)
def test_a_long_final_passes_through_every_state(at_ms, state):
    assert moment(FINAL, at_ms).state == state


@pytest.mark.parametrize(
    ("home", "away", "state"),
    [("Moor", "Fen", "FT"), ("Vale", "Harbour", "AET"), ("Quay", "Fen", "FT_PEN")],
)
def test_the_last_state_tells_how_a_match_was_decided(home, away, state):
    match = next(m for m in PLAYED if (m.home.name, m.away.name) == (home, away))

    assert moment(match, match.final_whistle_ms).state == state


def test_each_total_is_the_score_when_its_period_ended():
    at = moment(FINAL, FINAL.final_whistle_ms)

    assert dict(at.totals) == {
        PeriodKind.FIRST_HALF: (1, 0),
        PeriodKind.SECOND_HALF: (1, 1),
        PeriodKind.EXTRA_FIRST: (1, 2),
        PeriodKind.EXTRA_SECOND: (2, 2),
    }


def test_kicks_of_a_shoot_out_never_enter_the_score():
    at = moment(FINAL, FINAL.final_whistle_ms)

    assert (at.score, at.shoot_out) == ((2, 2), (3, 0))


def test_a_shoot_out_counts_up_kick_by_kick():
    seen = [moment(FINAL, kick.at_ms).shoot_out for kick in FINAL.kicks]

    assert moment(FINAL, SHOOT_OUT.start_ms).shoot_out == (0, 0)
    assert seen == [(1, 0), (1, 0), (2, 0), (2, 0), (3, 0), (3, 0)]


@given(match=st.sampled_from(PLAYED), later_ms=st.integers(0, 10**10))
def test_whenever_it_is_asked_after_the_end_the_result_is_final(match, later_ms):
    at = moment(match, match.final_whistle_ms + later_ms)

    ended = result(match)
    assert (at.score, at.shoot_out) == (ended.score, ended.penalties)
    assert at.state in {"FT", "AET", "FT_PEN"}


@given(match=st.sampled_from(PLAYED), offsets=st.lists(st.integers(-10, 200), max_size=20))
def test_whatever_is_seen_of_a_match_was_decided_before(match, offsets):
    for offset_min in sorted(offsets):
        now_ms = match.kickoff_ms + offset_min * 60_000
        at = moment(match, now_ms)

        assert all(incident.at_ms <= now_ms for _, incident in at.incidents)
        assert all(period.start_ms <= now_ms for period in at.periods)
        assert all(kick.at_ms <= now_ms for kick in at.kicks)
        assert at.score == (at.totals[-1][1] if at.totals else (0, 0))


def test_an_annulled_goal_counts_until_it_is_annulled():
    goal = Incident(
        IncidentKind.GOAL, "away", KICKOFF_MS + 60_000, 2, reversed_ms=KICKOFF_MS + 90_000
    )
    match = long_final()
    match = type(match)(77, "Final", match.home, match.away, match.periods, (goal,))

    seen = [goals_at(match, KICKOFF_MS + s * 1000) for s in (59, 60, 89, 90)]

    assert seen == [(0, 0), (0, 1), (0, 1), (0, 0)]
    assert moment(match, KICKOFF_MS + 90_000).incidents == ()


def test_a_rescinded_card_stays_to_be_seen():
    card = Incident(IncidentKind.RED, "home", KICKOFF_MS, 1, reversed_ms=KICKOFF_MS + 90_000)
    match = long_final()
    match = type(match)(77, "Final", match.home, match.away, match.periods, (card,))

    assert moment(match, KICKOFF_MS + 90_000).incidents == ((0, card),)
