"""A seeded plan of faults for a whole season, under which every result still comes right."""

from collections import Counter, defaultdict

from touchline.matchserver.lies import (
    STANDS_MS,
    FalseDate,
    FalseScore,
    FalseState,
    Gone,
    Phantom,
    Vanish,
    misleading,
    seen,
)
from touchline.matchserver.matches import goals_at
from touchline.matchserver.mischief import (
    FAILURES,
    FALSE_RESULTS,
    FALSE_STATES,
    HUNG_S,
    LATEST_MS,
    random_plan,
)
from touchline.matchserver.season import generate_season

SEASON = generate_season(7)
PLAN = random_plan(SEASON, 1)
MATCHES = {match.id: match for match in SEASON.matches}
LATE = [lie for lie in PLAN.lies if misleading(MATCHES[lie.fixture], lie)]
SHORT = [lie for lie in PLAN.lies if lie not in LATE]
HUNG = [fault for fault in PLAN.requests if fault.seconds == HUNG_S]
WEEK_MS = 7 * 86_400_000


def test_a_seed_plans_the_same_every_time_and_another_one_something_else():
    assert random_plan(SEASON, 1) == PLAN
    assert random_plan(SEASON, 2) != PLAN


def test_everything_that_can_go_wrong_does():
    told = Counter(type(lie) for lie in PLAN.lies)
    states = {lie.state for lie in PLAN.lies if isinstance(lie, FalseState)}
    phantoms = {(p.incident, p.side) for p in PLAN.lies if isinstance(p, Phantom)}

    assert min(told[kind] for kind in (Vanish, FalseState, Phantom)) > 30
    assert min(told[kind] for kind in (Gone, FalseScore, FalseDate)) > 10
    assert states == {*FALSE_RESULTS, *FALSE_STATES}
    assert len(phantoms) == 4
    assert {fault.kind for fault in PLAN.requests} == set(FAILURES)
    assert len(HUNG) > 1


def test_every_other_lie_ends_before_a_result_it_could_spoil_counts():
    for lie in SHORT:
        assert lie.from_ms < lie.to_ms
        assert lie.to_ms < MATCHES[lie.fixture].final_whistle_ms + STANDS_MS


def test_a_false_result_is_told_once_a_match_and_not_for_long():
    spans = defaultdict(list)
    for lie in SHORT:
        if isinstance(lie, FalseState) and lie.state in FALSE_RESULTS:
            spans[lie.fixture].append(lie.to_ms - lie.from_ms)

    assert spans
    assert all(len(one) == 1 and one[0] < STANDS_MS for one in spans.values())


def test_some_results_are_put_right_later_long_before_the_clubs_play_again():
    states = [lie for lie in LATE if isinstance(lie, FalseState)]
    scores = [lie for lie in LATE if isinstance(lie, FalseScore)]

    assert min(len(states), len(scores)) > 2
    assert len(LATE) == len(states) + len(scores) == len({lie.fixture for lie in LATE}) < 40
    for lie in LATE:
        assert lie.from_ms < lie.to_ms
        assert lie.to_ms <= MATCHES[lie.fixture].final_whistle_ms + STANDS_MS + LATEST_MS
        assert [other for other in PLAN.lies if other.fixture == lie.fixture] == [lie]


def test_no_answer_hangs_for_long_in_a_week_whose_results_are_put_right():
    weeks = {MATCHES[lie.fixture].kickoff_ms // WEEK_MS for lie in LATE}

    assert weeks.isdisjoint(fault.from_ms // WEEK_MS for fault in HUNG)
    assert {fault.times for fault in HUNG} == {1}


def test_no_failure_lasts():
    assert all(fault.times and fault.to_ms for fault in PLAN.requests)


def test_a_false_result_is_not_frozen_until_it_counts():
    frozen = [fault.to_ms - fault.from_ms for fault in PLAN.requests if fault.kind == "freeze"]
    told = [
        lie.to_ms - lie.from_ms
        for lie in SHORT
        if isinstance(lie, FalseState) and lie.state in FALSE_RESULTS
    ]
    late = [lie.to_ms - MATCHES[lie.fixture].final_whistle_ms for lie in SHORT]

    assert max(frozen) + max(*told, *late) < STANDS_MS


def test_in_the_end_only_the_truth_is_told():
    late_ms = {lie.fixture: lie.to_ms for lie in LATE}
    for match in SEASON.matches:
        at_ms = max(match.final_whistle_ms + STANDS_MS, late_ms.get(match.id, 0))
        moment = seen(match, PLAN.lies, at_ms)

        assert (moment.state, moment.score) == ("FT", goals_at(match, at_ms))
