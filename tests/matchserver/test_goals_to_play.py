"""Which goals are played when lists and scores disagree."""

from hypothesis import given
from hypothesis import strategies as st
from touchline.matchserver.goals import Goal, goals_to_play

LISTED = st.lists(
    st.builds(Goal, st.integers(1, 120), st.one_of(st.none(), st.integers(1, 15))), max_size=12
)
TOTALS = st.lists(st.integers(0, 9), min_size=3, max_size=3).map(sorted)


@given(listed=LISTED, totals=TOTALS, extra_played=st.booleans(), half_time_known=st.booleans())
def test_a_side_gets_exactly_the_goals_of_the_score(listed, totals, extra_played, half_time_known):
    half_time, full_time, extra_time = totals

    goals = goals_to_play(
        listed,
        half_time if half_time_known else None,
        full_time,
        extra_time if extra_played else None,
        "salt",
    )

    assert sum(goal.minute <= 90 for goal in goals) == full_time
    assert len(goals) == (extra_time if extra_played else full_time)
    assert all(1 <= goal.minute <= 120 for goal in goals)


@given(totals=TOTALS)
def test_goals_nobody_listed_respect_half_time(totals):
    half_time, full_time, extra_time = totals

    goals = goals_to_play([], half_time, full_time, extra_time, "salt")

    assert sum(goal.minute <= 45 for goal in goals) == half_time


def test_a_complete_list_is_played_as_it_stands():
    listed = [Goal(90, 3, "late"), Goal(12, None, "early", penalty=True)]

    assert goals_to_play(listed, 0, 2, None, "salt") == (listed[1], listed[0])


def test_a_missing_goal_joins_the_listed_ones():
    listed = [Goal(12, None, "early")]

    goals = goals_to_play(listed, 1, 2, None, "salt")

    assert goals[0] == listed[0]
    assert goals[1].minute > 45


def test_a_goal_in_minute_46_is_not_one_of_the_first_half():
    listed = [Goal(46, None, "restart")]

    goals = goals_to_play(listed, 1, 2, None, "salt")

    assert [goal.minute <= 45 for goal in goals] == [True, False]
