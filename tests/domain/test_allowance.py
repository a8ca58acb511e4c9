"""How a plan of so many calls an hour is made to last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.allowance import (
    HOUR_MS,
    SLACK_MS,
    Allowance,
    granted,
    look_due,
    refused,
    spent,
    told,
)

POLL_MS = 2_000
NEW = Allowance()


def next_look_ms(left, seconds_left):
    """When the next look is due after one at 0, of so many calls for so many seconds."""
    return spent(Allowance(left, seconds_left * 1000, 5_000), 0).due_ms


@pytest.mark.parametrize(
    ("left", "seconds_left", "every_ms"),
    [
        (3_601, 3_600, 0),  # twice what looks every 2 s need: nothing to save
        (2_000, 3_600, 1_809),  # a plan for one reader: every 2 s are within it
        (900, 1_800, 2_024),
        (200, 1_800, 9_523),
        (11, 1_800, 200_000),  # a tenth of the last ones is kept back
        (1, 1_800, 1_800_000),
    ],
)
def test_looks_become_rarer_as_the_plan_runs_out(left, seconds_left, every_ms):
    assert next_look_ms(left, seconds_left) == every_ms


def test_a_call_beside_a_look_puts_the_next_look_off_as_much():
    after_look = spent(Allowance(900, 1_800_000, 5_000), 0)

    assert spent(after_look, 0).due_ms > 1.9 * after_look.due_ms


def test_a_plan_that_is_used_up_grants_nothing_until_it_is_renewed():
    used_up = told(NEW, 0, 600, 1_000)

    assert [granted(used_up, at_ms) for at_ms in (1_000, 601_999, 602_000)] == [False, False, True]
    assert not look_due(used_up, 601_999)


def test_a_renewed_plan_is_counted_from_what_it_was_at_most():
    plan = told(told(NEW, 1_999, 3_600, 0), 3, 60, 3_540_000)

    renewed = spent(plan, 3_601_000)

    assert (renewed.left, renewed.renewed_ms) == (1_999, 3_602_000 + HOUR_MS)


def test_a_refusal_shuts_the_feed_and_takes_nothing_from_the_plan():
    shut = refused(told(NEW, 5, 600, 0), 60, 0)

    assert [granted(shut, at_ms) for at_ms in (0, 59_999, 60_000)] == [False, False, True]
    assert spent(shut, 60_000).left == 4


def test_a_refusal_by_a_feed_that_tells_nothing_else_lasts_for_its_time_alone():
    shut = refused(NEW, 60, 0)
    after = spent(shut, 60_000)

    assert not granted(shut, 59_999)
    assert granted(after, 60_001)
    assert told(after, 1_500, 3_600, 60_000).size == 1_501


@pytest.mark.parametrize("say", [lambda s: told(NEW, 0, s, 0), lambda s: refused(NEW, s, 0)])
def test_no_plan_is_renewed_later_than_in_an_hour(say):
    assert granted(say(10**9), HOUR_MS + SLACK_MS)


def test_of_a_plan_that_nobody_tells_of_so_many_calls_are_left_as_was_said():
    plan = spent(Allowance(hourly=3), 1_000)

    assert (plan.left, plan.renewed_ms) == (2, 1_000 + HOUR_MS + SLACK_MS)
    used_up = spent(spent(plan, 1_000), 1_000)
    assert [granted(used_up, at_ms) for at_ms in (1_000, 3_601_999, 3_602_000)] == [0, 0, 1]


def test_what_the_feed_tells_of_a_plan_is_believed_over_what_was_said():
    plan = told(Allowance(hourly=3), 1_999, 10, 0)

    assert spent(plan, 0).left == 1_998
    assert spent(plan, 11_000).left == 1_999


def test_within_an_hour_a_count_only_falls_and_the_hour_does_not_move():
    plan = told(NEW, 1_500, 600, 0)
    for poll in range(1, 20):
        plan = told(spent(plan, poll * POLL_MS), 1_500, 600, poll * POLL_MS)  # an old answer

    assert (plan.left, plan.renewed_ms) == (1_481, 600_000 + SLACK_MS)
    assert told(plan, 900, 400, 100_000).left == 900  # others use it as well


def test_an_hour_whose_first_calls_the_feed_did_not_receive_ends_with_the_feeds():
    plan = told(NEW, 1_999, 3_600, 0)
    began_ms = plan.renewed_ms
    plan = spent(plan, began_ms)  # it is not answered
    plan = told(spent(plan, began_ms + 30_000), 1_998, 3_600, began_ms + 30_000)
    again_ms = plan.renewed_ms
    assert again_ms == began_ms + HOUR_MS + SLACK_MS

    # The feed's own hour has half a minute to go, and most of it is used up.
    plan = told(spent(plan, again_ms), 200, 29, again_ms)

    assert plan.renewed_ms == again_ms + 29_000 + SLACK_MS
    assert told(spent(plan, plan.renewed_ms), 1_999, 3_600, plan.renewed_ms).left == 1_999


def test_the_first_answer_of_an_hour_is_believed_whatever_was_left_of_the_last():
    few = told(NEW, 3, 60, 0)

    renewed = told(spent(few, 61_000), 1_999, 3_600, 61_000)

    assert (renewed.left, renewed.size) == (1_999, 2_000)


@given(
    st.integers(0, 6_000),
    st.integers(1, 3_600),
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2)), min_size=1, max_size=200),
)
def test_whoever_keeps_to_it_never_makes_a_call_too_many(left, seconds_left, pattern):
    """*pattern*: polls to wait for the next look, and how much else is asked for with it."""
    allowance = Allowance(left, seconds_left * 1000, 5_000)
    now_ms = calls = turn = 0
    while now_ms < seconds_left * 1000:
        wait, others = pattern[turn % len(pattern)]
        if look_due(allowance, now_ms):
            for _ in range(1 + others):
                if granted(allowance, now_ms):
                    allowance = spent(allowance, now_ms)
                    calls += 1
        now_ms, turn = now_ms + wait * POLL_MS, turn + 1

    assert calls <= left
