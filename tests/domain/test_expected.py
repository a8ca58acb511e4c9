"""The expected result against a floating-point reference, its symmetries, and fixed values."""

from math import exp, factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.expected import HOME_ADVANTAGE, expected_bps

LEADS = st.integers(-600, 600)
MINUTES = st.integers(0, 95)
GOALS = st.integers(-5, 5)
REDS = st.integers(0, 3)


def reference(rating_lead, left, goal_lead, home_reds, away_reds):
    """The same model in floats, with the exponential that the integers do without."""
    supremacy = max(-2.0, min(2.0, 0.005 * (rating_lead + HOME_ADVANTAGE)))
    home = (2.6 + supremacy) / 2 * left / 95 * 0.7**home_reds * 1.15**away_reds
    away = (2.6 - supremacy) / 2 * left / 95 * 0.7**away_reds * 1.15**home_reds
    poisson = [
        [exp(-mean) * mean**goals / factorial(goals) for goals in range(30)]
        for mean in (home, away)
    ]
    total = 0.0
    for scored, h in enumerate(poisson[0]):
        for conceded, a in enumerate(poisson[1]):
            lead = goal_lead + scored - conceded
            total += h * a * (1.0 if lead > 0 else 0.5 if lead == 0 else 0.0)
    return total * 10_000


@settings(max_examples=60)
@given(LEADS, MINUTES, GOALS, REDS, REDS)
def test_it_is_the_poisson_model_to_the_last_basis_point(lead, left, goals, home, away):
    assert (
        abs(expected_bps(lead, left, goals, home, away) - reference(lead, left, goals, home, away))
        < 1
    )


@settings(max_examples=60)
@given(LEADS, MINUTES, GOALS, REDS, REDS)
def test_both_sides_together_expect_exactly_one_win(lead, left, goals, home, away):
    mirrored = expected_bps(-lead - 2 * HOME_ADVANTAGE, left, -goals, away, home)

    # Each is rounded by itself, a half always up.
    assert expected_bps(lead, left, goals, home, away) + mirrored in (10_000, 10_001)


@settings(max_examples=60)
@given(LEADS, MINUTES, GOALS, REDS, REDS)
def test_a_goal_never_hurts_and_a_red_card_never_helps(lead, left, goals, home, away):
    now = expected_bps(lead, left, goals, home, away)

    assert expected_bps(lead, left, goals + 1, home, away) >= now
    assert expected_bps(lead, left, goals, home + 1, away) <= now


@pytest.mark.parametrize(("goals", "bps"), [(1, 10_000), (7, 10_000), (0, 5_000), (-1, 0)])
def test_at_the_end_only_the_score_counts(goals, bps):
    assert expected_bps(300, 0, goals, 2, 0) == bps


def test_the_values_are_the_same_everywhere():
    assert [
        expected_bps(0, 95, 0),
        expected_bps(0, 65, 1),
        expected_bps(0, 35, -1),
        expected_bps(0, 15, 1),
        expected_bps(0, 35, 0, 1, 0),
        expected_bps(260, 95, 0),
    ] == [5700, 8165, 1854, 9267, 4601, 8367]


def test_nonsense_from_a_feed_stays_within_bounds_and_is_quick():
    assert expected_bps(10**9, 10**9, 10**9, 10**9, 0) == 10_000
    assert expected_bps(-(10**9), -5, -(10**9), 0, 10**9) == 0
