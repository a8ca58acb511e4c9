"""What a club can expect from a match: P(win) + P(draw)/2, in exact integers.

Goals still to come on either side are Poisson with a mean in proportion to the
time left. A red card weakens one side and helps the other. There is no
exponential and no float: the weights of k goals, mean^k / k!, are compared with
their own sum, so e^-mean cancels and all that is left is a fraction of
integers. The same match gives the same number on every machine.

Source: docs/market.md, "The index"; docs/decisions/0003-expected-result-in-integers.md.
"""

from functools import lru_cache
from math import factorial

from .match import REGULAR_MIN

ONE_BPS = 10_000  #: a certain win
HOME_ADVANTAGE = 60  #: rating points the home side is ahead by
TOTAL_MILLIGOALS = 2_600  #: goals an average match brings, 1e-3 goal
MILLIGOALS_A_POINT = 5  #: goal difference a rating point is worth, 1e-3 goal
SUPREMACY_MAX = 2_000  #: 1e-3 goal: keeps 0.3 goals for the weakest side

RED_OWN_PCT = 70  #: a side with a man less scores 0.7 times as much,
RED_OTHER_PCT = 115  #: and the other 1.15 times
REDS_MAX = 4  #: a fifth red card ends a match

MOST_GOALS = 15  #: goals to come that are told apart; more has a chance below 1e-5
_WEIGHTS = tuple(factorial(MOST_GOALS) // factorial(k) for k in range(MOST_GOALS + 1))
_MICRO = 1_000_000


def expected_bps(
    rating_lead: int, minutes_left: int, goal_lead: int, home_reds: int = 0, away_reds: int = 0
) -> int:
    """The home side's expected result, 0 (lost) to 10,000 (won), a draw being 5,000.

    Args:
        rating_lead: home rating minus away rating, before the home advantage.
        minutes_left: open play to come, 0 to 95; more counts as 95.
        goal_lead: home goals minus away goals.
        home_reds: players sent off, at most 4 of either side count.
        away_reds: likewise.
    """
    supremacy = MILLIGOALS_A_POINT * (rating_lead + HOME_ADVANTAGE)
    supremacy = max(-SUPREMACY_MAX, min(SUPREMACY_MAX, supremacy))
    left = max(0, min(minutes_left, REGULAR_MIN))
    home_reds, away_reds = min(home_reds, REDS_MAX), min(away_reds, REDS_MAX)
    home = _mean(TOTAL_MILLIGOALS + supremacy, left, home_reds, away_reds)
    away = _mean(TOTAL_MILLIGOALS - supremacy, left, away_reds, home_reds)
    return _result_bps(home, away, max(-MOST_GOALS - 1, min(goal_lead, MOST_GOALS + 1)))


def _mean(double_milligoals: int, left_min: int, own_reds: int, other_reds: int) -> int:
    """The mean of the goals one side still scores, 1e-6 goal, rounded down."""
    goals = double_milligoals * 500 * left_min
    goals = goals * RED_OWN_PCT**own_reds * RED_OTHER_PCT**other_reds
    return int(goals // (REGULAR_MIN * 100 ** (own_reds + other_reds)))


# Few of these differ within a match: a minute, a score, a card.
@lru_cache(maxsize=16_384)
def _result_bps(home_mean: int, away_mean: int, goal_lead: int) -> int:
    home, away = _goals(home_mean), _goals(away_mean)
    # halves: 2 for a win, 1 for a draw, so that nothing is halved before the end
    halves = sum(
        h * a * _halves(goal_lead + scored - conceded)
        for scored, h in enumerate(home)
        for conceded, a in enumerate(away)
    )
    total = sum(home) * sum(away)
    return (halves * ONE_BPS + total) // (2 * total)


def _goals(mean: int) -> list[int]:
    """Weights of 0 to 15 goals with *mean* (1e-6 goal): mean^k / k!, on one common scale."""
    return [mean**k * _MICRO ** (MOST_GOALS - k) * _WEIGHTS[k] for k in range(MOST_GOALS + 1)]


def _halves(lead: int) -> int:
    return (lead > 0) + (lead >= 0)
