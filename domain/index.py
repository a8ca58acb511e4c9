"""From a match to the offset of its clubs' prices, and to their ratings.

Source: docs/market.md, "The index".
"""

from .expected import ONE_BPS, expected_bps
from .match import REGULAR_MIN, MatchSnapshot, minutes_left

RATING_STEP = 20  #: points a result can move a rating by (Elo's K)


def match_bps(match: MatchSnapshot, rating_lead: int) -> int:
    """The home side's expected result (bps) as *match* stands; a shoot-out counts as a draw."""
    score = match.score
    return expected_bps(
        rating_lead,
        minutes_left(match),
        score.home - score.away,
        score.home_reds,
        score.away_reds,
    )


def kickoff_bps(rating_lead: int) -> int:
    """The home side's expected result (bps) before a ball is kicked."""
    return expected_bps(rating_lead, REGULAR_MIN, 0)


def home_offset_bps(weight_bps: int, match: MatchSnapshot, rating_lead: int) -> int:
    """What *match* has moved the home club by (bps of its base); the away club's is minus this.

    Args:
        weight_bps: what a whole result is worth in this competition.
        rating_lead: home rating minus away rating.
    """
    return weight_bps * (match_bps(match, rating_lead) - kickoff_bps(rating_lead)) // ONE_BPS


def rating_gain(match: MatchSnapshot, rating_lead: int) -> int:
    """Points the home club gains and the away club loses by the result of *match*.

    Rounded towards zero, so that neither side gains by being the home side.
    """
    return _points(match_bps(match, rating_lead) - kickoff_bps(rating_lead))


def result_offset_bps(weight_bps: int, kickoff: int, goal_lead: int) -> int:
    """What a result has moved the home club by (bps of its base before the match).

    Args:
        kickoff: the home side's expected result (bps) that was on record before it.
        goal_lead: home goals minus away goals, after extra time.
    """
    return weight_bps * (expected_bps(0, 0, goal_lead) - kickoff) // ONE_BPS


def result_gain(kickoff: int, goal_lead: int) -> int:
    """Points the home club gains by a result, as `rating_gain` has them."""
    return _points(expected_bps(0, 0, goal_lead) - kickoff)


def _points(surprise_bps: int) -> int:
    points = RATING_STEP * abs(surprise_bps) // ONE_BPS
    return points if surprise_bps >= 0 else -points
