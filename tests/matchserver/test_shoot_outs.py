"""Shoot-outs end with the score they are told, by the laws where they can."""

import pytest
from touchline.matchserver.shootout import kicks_to


def scored(kicks, side):
    return sum(goal for shooter, goal in kicks if shooter == side)


@pytest.mark.parametrize("home", range(13))
@pytest.mark.parametrize("away", range(13))
def test_the_kicks_add_up_to_any_score(home, away):
    kicks = kicks_to((home, away))

    assert (scored(kicks, "home"), scored(kicks, "away")) == (home, away)


@pytest.mark.parametrize(
    ("score", "kicks"),
    [((3, 0), 6), ((1, 3), 7), ((4, 2), 8), ((3, 4), 9), ((5, 4), 10), ((1, 0), 10), ((10, 9), 20)],
)
def test_a_shoot_out_ends_when_it_is_decided(score, kicks):
    assert len(kicks_to(score)) == kicks


def test_the_sides_take_turns():
    shooters = [side for side, _ in kicks_to((7, 6))]

    assert shooters == ["home", "away"] * 7


def test_a_score_the_laws_do_not_allow_is_played_all_the_same():
    kicks = kicks_to((40, 38))

    assert (scored(kicks, "home"), scored(kicks, "away")) == (40, 38)
