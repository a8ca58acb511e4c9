"""What a match does to the prices of its clubs, and to their ratings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.index import home_offset_bps, rating_gain

from tests.fakes.matches import a_match

LEAGUE = 600  #: weight of a league match, bps


@pytest.mark.parametrize(
    ("match", "offset_bps"),
    [
        (a_match("NS"), 0),
        (a_match("INPLAY_1ST_HALF"), 0),
        (a_match("INPLAY_1ST_HALF", 1, 0, minute=30), 147),
        (a_match("INPLAY_2ND_HALF", 0, 1, minute=60), -231),
        (a_match("INPLAY_2ND_HALF", 1, 0, minute=80), 214),
        (a_match("FT", 1, 0), 258),
        (a_match("FT", 1, 1), -42),
        (a_match("FT", 0, 1), -342),
    ],
)
def test_goals_move_the_home_club_by_what_they_are_worth(match, offset_bps):
    assert home_offset_bps(LEAGUE, match, rating_lead=0) == offset_bps


def test_a_shoot_out_counts_as_the_draw_it_followed():
    drawn = a_match("AET", 1, 1)
    won = a_match("FT_PEN", 1, 1, penalties=(4, 2))

    assert home_offset_bps(LEAGUE, won, 0) == home_offset_bps(LEAGUE, drawn, 0)


def test_extra_time_gives_the_better_side_its_chance_back():
    full_time = home_offset_bps(LEAGUE, a_match("FT", 1, 1), 260)
    extra_time = home_offset_bps(LEAGUE, a_match("BREAK", 1, 1), 260)

    assert full_time < extra_time < 0


@settings(max_examples=50)
@given(
    st.integers(-600, 600),
    st.sampled_from(["INPLAY_1ST_HALF", "HT", "INPLAY_2ND_HALF", "INPLAY_ET", "FT"]),
    st.integers(0, 120),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_no_match_moves_a_club_by_more_than_its_weight(lead, state, minute, home, away):
    match = a_match(state, home, away, minute=minute)

    assert abs(home_offset_bps(LEAGUE, match, lead)) <= LEAGUE


@pytest.mark.parametrize(
    ("home", "away", "gain"),
    [(1, 0, 8), (1, 1, -1), (0, 1, -11)],
)
def test_ratings_move_by_what_was_not_expected(home, away, gain):
    assert rating_gain(a_match("FT", home, away), rating_lead=0) == gain
