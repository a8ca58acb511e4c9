"""A seeded plan of faults for a whole season, under which every result still comes right."""

from collections import Counter, defaultdict

from touchline.matchserver.lies import FalseState, Phantom, Vanish, seen
from touchline.matchserver.matches import goals_at
from touchline.matchserver.mischief import FAILURES, FALSE_RESULTS, FALSE_STATES, random_plan
from touchline.matchserver.season import generate_season

STANDS_MS = 120_000  #: a result counts once it has been seen for so long
SEASON = generate_season(7)
PLAN = random_plan(SEASON, 1)
MATCHES = {match.id: match for match in SEASON.matches}


def test_a_seed_plans_the_same_every_time_and_another_one_something_else():
    assert random_plan(SEASON, 1) == PLAN
    assert random_plan(SEASON, 2) != PLAN


def test_everything_that_can_go_wrong_does():
    told = Counter(type(lie) for lie in PLAN.lies)
    states = {lie.state for lie in PLAN.lies if isinstance(lie, FalseState)}
    phantoms = {(p.incident, p.side) for p in PLAN.lies if isinstance(p, Phantom)}

    assert min(told[Vanish], told[FalseState], told[Phantom]) > 50
    assert states == {*FALSE_RESULTS, *FALSE_STATES}
    assert len(phantoms) == 4
    assert {fault.kind for fault in PLAN.requests} == set(FAILURES)


def test_every_lie_ends_before_a_result_it_could_spoil_counts():
    for lie in PLAN.lies:
        assert lie.from_ms < lie.to_ms
        assert lie.to_ms < MATCHES[lie.fixture].final_whistle_ms + STANDS_MS


def test_a_false_result_is_told_once_a_match_and_not_for_long():
    spans = defaultdict(list)
    for lie in PLAN.lies:
        if isinstance(lie, FalseState) and lie.state in FALSE_RESULTS:
            spans[lie.fixture].append(lie.to_ms - lie.from_ms)

    assert spans
    assert all(len(one) == 1 and one[0] < STANDS_MS for one in spans.values())


def test_no_failure_lasts():
    assert all(fault.times and fault.to_ms for fault in PLAN.requests)


def test_a_false_result_is_not_frozen_until_it_counts():
    frozen = [fault.to_ms - fault.from_ms for fault in PLAN.requests if fault.kind == "freeze"]
    told = [
        lie.to_ms - lie.from_ms
        for lie in PLAN.lies
        if isinstance(lie, FalseState) and lie.state in FALSE_RESULTS
    ]
    late = [lie.to_ms - MATCHES[lie.fixture].final_whistle_ms for lie in PLAN.lies]

    assert max(frozen) + max(*told, *late) < STANDS_MS


def test_two_minutes_after_the_end_only_the_truth_is_told():
    for match in SEASON.matches:
        at_ms = match.final_whistle_ms + STANDS_MS
        moment = seen(match, PLAN.lies, at_ms)

        assert (moment.state, moment.score) == ("FT", goals_at(match, at_ms))
