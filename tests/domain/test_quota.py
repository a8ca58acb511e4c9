"""Quotas by the rule: what is allowed at once, in the long run, and what is said of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.quota import Policy, Taken, charge, take

ORDERS = Policy("orders", per_s=10, window_s=2)
POLICIES = st.builds(Policy, st.just("p"), st.integers(1, 1000), st.integers(1, 60))
#: Pauses between requests, in seconds.
PAUSES = st.lists(st.floats(0, 3) | st.just(0.0), min_size=1, max_size=120)


def asked(policy: Policy, moments: list[float]) -> list[Taken]:
    full_at, found = 0.0, []
    for now in moments:
        found.append(take(policy, full_at, now))
        full_at = found[-1].full_at
    return found


def moments_of(pauses: list[float]) -> list[float]:
    now, moments = 1_000.0, []
    for pause in pauses:
        now += pause
        moments.append(now)
    return moments


def test_after_a_quiet_time_the_whole_quota_is_there_at_once() -> None:
    found = asked(ORDERS, [5.0] * 21)

    assert [taken.allowed for taken in found] == [True] * 20 + [False]
    assert [taken.left for taken in found] == [*range(19, -1, -1), 0]
    assert found[-1].wait_s == pytest.approx(0.1)
    assert found[-1].full_in_s == pytest.approx(2.0)


def test_three_of_twenty_leave_seventeen_for_a_third_of_a_second() -> None:
    last = asked(ORDERS, [5.0] * 3)[-1]

    assert (last.left, math.ceil(last.full_in_s)) == (17, 1)


def test_what_is_owed_for_a_batch_is_waited_for() -> None:
    first = take(ORDERS, 0.0, 5.0)

    full_at = charge(ORDERS, first.full_at, 5.0, 49)

    assert take(ORDERS, full_at, 5.0).wait_s == pytest.approx(3.1)
    assert not take(ORDERS, full_at, 8.0).allowed
    assert take(ORDERS, full_at, 8.2).allowed


@given(POLICIES, PAUSES)
def test_in_no_time_more_is_allowed_than_the_quota_and_what_that_time_brings(
    policy: Policy, pauses: list[float]
) -> None:
    moments = moments_of(pauses)
    allowed = [m for m, taken in zip(moments, asked(policy, moments), strict=True) if taken.allowed]

    for first, begin in enumerate(allowed):
        for last in range(first, len(allowed)):
            most = policy.quota + (allowed[last] - begin) * policy.per_s
            assert last - first + 1 <= most + 1e-6


@given(POLICIES, PAUSES)
def test_who_waits_as_long_as_told_is_allowed(policy: Policy, pauses: list[float]) -> None:
    moments = moments_of(pauses)
    for now, taken in zip(moments, asked(policy, moments), strict=True):
        assert taken.allowed == (taken.wait_s == 0.0)
        again = take(policy, taken.full_at, now + taken.wait_s)
        assert again.allowed or (taken.allowed and taken.left == 0)
        assert 0 <= taken.left < policy.quota or not taken.allowed
        assert taken.full_in_s <= policy.window_s + 1e-6


@given(POLICIES, st.integers(1, 50))
def test_who_stays_at_the_rate_is_never_refused(policy: Policy, requests: int) -> None:
    moments = [1_000.0 + number / policy.per_s for number in range(requests)]

    assert all(taken.allowed for taken in asked(policy, moments))


@given(POLICIES, PAUSES)
def test_a_refused_request_costs_nothing(policy: Policy, pauses: list[float]) -> None:
    moments = moments_of(pauses)
    found = asked(policy, moments)

    kept = [m for m, taken in zip(moments, found, strict=True) if taken.allowed]
    assert all(taken.allowed for taken in asked(policy, kept))
