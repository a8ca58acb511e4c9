"""A match gone through again by the rules of now."""

from touchline.domain.fixture_events import Look
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.results import Pair
from touchline.domain.simulation import Origin, simulated

BASE = Pair(1_000_000, 500_000)
ORIGIN = Origin(rating_lead=0, weight_bps=600, bases=BASE)


def look(state, goals=(0, 0), minute=0, at_s=0, reds=(0, 0)):
    return Look(minute, state, goals, reds, None, 1000 * at_s)


def steps(*looks):
    return list(simulated(ORIGIN, looks))


def test_each_look_has_the_indices_of_both_clubs():
    kickoff, goal = steps(
        look("INPLAY_1ST_HALF"), look("INPLAY_1ST_HALF", (1, 0), minute=30, at_s=1800)
    )

    assert (kickoff.indices, kickoff.halt, kickoff.phase) == (BASE, OPEN, Phase.LIVE)
    assert (goal.indices, goal.halt) == (Pair(1_014_700, 492_650), Halt.EVENT)


def test_a_result_leaves_what_the_scheduler_would_have_committed():
    assert steps(look("FT", (1, 0), minute=94))[-1].indices == Pair(1_025_800, 487_100)


def test_a_match_that_came_to_nothing_leaves_everything_as_it_was():
    *_, last = steps(look("INPLAY_1ST_HALF", (1, 0)), look("ABANDONED", (1, 0)))

    assert (last.indices, last.halt, last.phase) == (BASE, OPEN, Phase.VOID)


def test_the_halts_are_those_of_the_moment():
    found = steps(
        look("INPLAY_2ND_HALF", (0, 0), at_s=0),
        look("INPLAY_2ND_HALF", (0, 0), at_s=60, reds=(0, 1)),
        look("SUSPENDED", (0, 0), at_s=120, reds=(0, 1)),
        look("INPLAY_PENALTIES", (0, 0), at_s=180, reds=(0, 1)),
    )

    suspended = Halt.MATCH_SUSPENDED
    assert [step.halt for step in found] == [OPEN, Halt.EVENT, suspended, suspended]


def test_of_no_looks_there_is_nothing_to_tell():
    assert steps() == []
