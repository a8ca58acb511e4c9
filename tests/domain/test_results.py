"""Results that are said after a match come to what one that was seen comes to."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.index import home_offset_bps, kickoff_bps, rating_gain, result_offset_bps
from touchline.domain.match import Score
from touchline.domain.pricing import index_of
from touchline.domain.results import Pair, Start, bases_after, points_between

from tests.fakes.matches import a_match

GOALS = st.builds(Pair, st.integers(0, 9), st.integers(0, 9))
LEADS = st.integers(-400, 400)
PRICES = st.integers(5_000, 10_000_000)
STARTS = st.builds(Start, LEADS.map(kickoff_bps), st.builds(Pair, PRICES, PRICES))


@given(goals=GOALS, lead=LEADS, weight_bps=st.integers(0, 1_000), reds=st.integers(0, 4))
def test_a_result_that_is_said_moves_as_one_that_was_seen(
    goals: Pair, lead: int, weight_bps: int, reds: int
) -> None:
    match = a_match("FT", goals.home, goals.away, minute=94, reds=(reds, 0))
    start = Start(kickoff_bps(lead), Pair(1_000_000, 1_000_000))

    offset_bps = result_offset_bps(weight_bps, start.kickoff_bps, goals.home - goals.away)

    assert match.score == Score(*goals, reds, 0)
    assert offset_bps == home_offset_bps(weight_bps, match, lead)
    assert points_between(start, None, goals) == rating_gain(match, lead)


@given(start=STARTS, weight_bps=st.integers(0, 1_000), goals=GOALS)
def test_the_bases_are_the_indexes_that_the_result_left(
    start: Start, weight_bps: int, goals: Pair
) -> None:
    home_px, away_px = bases_after(start, weight_bps, goals)

    offset_bps = result_offset_bps(weight_bps, start.kickoff_bps, goals.home - goals.away)
    assert home_px == index_of(start.bases.home, offset_bps, 5_000, 10_000_000)
    assert away_px == index_of(start.bases.away, -offset_bps, 5_000, 10_000_000)


@given(start=STARTS, weight_bps=st.integers(0, 1_000))
def test_a_void_match_leaves_the_bases_before_it(start: Start, weight_bps: int) -> None:
    assert bases_after(start, weight_bps, None) == start.bases


@given(start=STARTS, words=st.lists(st.none() | GOALS, min_size=2))
def test_points_are_given_once_whatever_was_said_before(
    start: Start, words: list[Pair | None]
) -> None:
    moved = [points_between(start, *two) for two in pairwise(words)]

    assert sum(moved) == points_between(start, words[0], words[-1])
