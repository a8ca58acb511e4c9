"""The table of a league."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.table import Outcome, league_table

CLUBS = ("Ashmoor", "Brackwater", "Calder", "Dunmarrow")
goals = st.integers(0, 9)
outcomes = st.lists(
    st.tuples(st.permutations(CLUBS), goals, goals).map(
        lambda drawn: Outcome(drawn[0][0], drawn[0][1], drawn[1], drawn[2])
    ),
    max_size=30,
)


def test_a_win_is_three_points_and_a_draw_one_each() -> None:
    table = league_table([Outcome("a", "b", 2, 1), Outcome("b", "c", 0, 0)])

    assert [(row.club, row.played, row.points) for row in table] == [
        ("a", 1, 3),
        ("c", 1, 1),
        ("b", 2, 1),
    ]


def test_goals_decide_between_equal_points_and_then_the_name() -> None:
    table = league_table(
        [Outcome("d", "x", 3, 2), Outcome("c", "y", 1, 0), Outcome("b", "z", 1, 0)]
    )

    assert [row.club for row in table] == ["d", "b", "c", "x", "y", "z"]


@given(outcomes)
def test_all_that_is_scored_is_conceded_and_every_match_is_counted_twice(
    played: list[Outcome],
) -> None:
    table = league_table(played)

    assert sum(row.difference for row in table) == 0
    assert sum(row.played for row in table) == 2 * len(played)
    draws = sum(each.home_goals == each.away_goals for each in played)
    assert sum(row.points for row in table) == 3 * (len(played) - draws) + 2 * draws


@given(outcomes, st.randoms(use_true_random=False))
def test_the_order_of_the_matches_does_not_matter(played: list[Outcome], rng: object) -> None:
    other = list(played)
    rng.shuffle(other)  # type: ignore[attr-defined]  # hypothesis' own Random

    assert league_table(other) == league_table(played)
