"""From an expected result to a club's index, its base after full time, and its rating.

Source: docs/market.md, "The index".
"""

from .expected import ONE_BPS, expected_bps
from .instrument import INDEX_PX_MAX, INDEX_PX_MIN
from .match import MatchSnapshot, minutes_left

RATING_START = 1_500  #: of a club never seen before
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
    return expected_bps(rating_lead, minutes_left=95, goal_lead=0)


def home_offset_bps(weight_bps: int, now_bps: int, kickoff: int) -> int:
    """What the match has moved the home club by (bps of its base); the away club's is minus this.

    Args:
        weight_bps: what the whole of a result is worth in this competition.
        now_bps: expected result now.
        kickoff: expected result at kick-off (bps).
    """
    return weight_bps * (now_bps - kickoff) // ONE_BPS


def index_px(base_px: int, offset_bps: int) -> int:
    """The index of a club with *base_px* that its match has moved by *offset_bps*."""
    return max(INDEX_PX_MIN, min(INDEX_PX_MAX, base_px * (ONE_BPS + offset_bps) // ONE_BPS))


def rating_gain(result_bps: int, kickoff: int) -> int:
    """Points the home club gains and the away club loses by a result (bps) expected at *kickoff*.

    Rounded towards zero, so that neither side gains by being the home side.
    """
    surprise = RATING_STEP * (result_bps - kickoff)
    points = abs(surprise) // ONE_BPS
    return points if surprise >= 0 else -points
