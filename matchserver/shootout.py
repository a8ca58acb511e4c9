"""The kicks of a penalty shoot-out that ends with a given score."""

from __future__ import annotations

from functools import cache

from .matches import Score, Side

ROUNDS = 5  #: kicks each before sudden death
LONGEST = 60  #: kicks in all; the longest on record had 56

Kicks = tuple[tuple[Side, bool], ...]


def kicks_to(score: Score) -> Kicks:
    """Who shoots and whether it goes in, in order, the home side first.

    The kicks end exactly when the shoot-out is decided, as the laws have it. A
    score no shoot-out can end with (house rules) is played as its goals alone.
    """
    found = _rest((0, 0), 0, score)
    if found is not None:
        return found
    goals: Kicks = (("home", True),) * score[0] + (("away", True),) * score[1]
    return goals


# Cached because many courses of a shoot-out meet in the same score: without it
# the search for an impossible score would try all 2^60 courses.
@cache
def _rest(score: Score, taken: int, target: Score) -> Kicks | None:
    if _decided(score, taken):
        return () if score == target else None
    if score[0] > target[0] or score[1] > target[1] or taken >= LONGEST:
        return None
    side: Side = "away" if taken % 2 else "home"
    for scored in (True, False):
        home, away = score[0] + (scored and side == "home"), score[1] + (scored and side == "away")
        rest = _rest((home, away), taken + 1, target)
        if rest is not None:
            return ((side, scored), *rest)
    return None


def _decided(score: Score, taken: int) -> bool:
    if taken >= 2 * ROUNDS:
        return taken % 2 == 0 and score[0] != score[1]
    home_left, away_left = ROUNDS - (taken + 1) // 2, ROUNDS - taken // 2
    return score[0] > score[1] + away_left or score[1] > score[0] + home_left
