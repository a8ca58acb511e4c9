"""Google's keys: which are believed, for how long, and when they are asked for again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.google_keys import (
    JITTER,
    LONGEST_S,
    REFRESH_S,
    RETRY_MAX_S,
    SOONEST_S,
    STALE_S,
    KeyList,
    KeyRing,
    ailment,
    confirmed,
    next_look_s,
    with_list,
)

NOW = 1_000.0
HOUR = 3600.0


def ring(*kids: str, max_age_s: float | None = HOUR, at: float = NOW) -> KeyRing:
    return with_list(KeyRing(), KeyList({kid: f"pem {kid}" for kid in kids}, max_age_s), at)


def test_what_is_listed_is_believed_and_nothing_else() -> None:
    keys = ring("a", "b")

    assert keys.find("a", NOW) == "pem a"
    assert keys.find("c", NOW) is None


def test_a_list_that_cannot_be_renewed_is_believed_however_old_it_is() -> None:
    assert ring("a").find("a", NOW + 100 * HOUR) == "pem a"


def test_a_key_that_is_listed_no_longer_is_believed_until_its_list_expires() -> None:
    keys = with_list(ring("a"), KeyList({"b": "pem b"}, HOUR), NOW + 0.5 * HOUR)

    assert keys.find("a", NOW + HOUR - 1) == "pem a"
    assert keys.find("a", NOW + HOUR) is None
    assert keys.find("b", NOW + HOUR) == "pem b"


def test_two_rotations_in_a_row_leave_each_key_its_own_time() -> None:
    keys = with_list(ring("a"), KeyList({"b": "pem b"}, HOUR), NOW + 600)
    keys = with_list(keys, KeyList({"c": "pem c"}, HOUR), NOW + 1200)

    assert [keys.find(kid, NOW + HOUR - 1) for kid in "abc"] == ["pem a", "pem b", "pem c"]
    assert [keys.find(kid, NOW + HOUR) for kid in "abc"] == [None, "pem b", "pem c"]
    assert [keys.find(kid, NOW + 600 + HOUR) for kid in "abc"] == [None, None, "pem c"]


def test_keys_that_have_expired_are_not_kept() -> None:
    keys = ring("k0")
    for number in range(1, 50):
        keys = with_list(keys, KeyList({f"k{number}": "pem"}, HOUR), NOW + number * HOUR / 2)

    assert len(keys.outgoing) == 1


def test_a_key_that_comes_back_is_believed_as_it_is_listed_now() -> None:
    keys = with_list(ring("a"), KeyList({"b": "pem b"}, HOUR), NOW + 10)
    keys = with_list(keys, KeyList({"a": "another a"}, HOUR), NOW + 20)

    assert keys.find("a", NOW + 100 * HOUR) == "another a"


def test_a_header_that_says_a_year_does_not_make_it_a_year() -> None:
    keys = with_list(ring("a", max_age_s=365 * 24 * HOUR), KeyList({"b": "pem b"}), NOW + 1)

    assert keys.find("a", NOW + LONGEST_S) is None


def test_a_list_that_is_still_the_same_is_as_good_as_a_new_one() -> None:
    keys = confirmed(ring("a"), HOUR, NOW + HOUR)

    assert (keys.age_s(NOW + HOUR), keys.expires_s) == (0.0, NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("max_age_s", "wait_s"),
    [(None, REFRESH_S), (HOUR, HOUR), (100 * HOUR, REFRESH_S), (0.0, SOONEST_S)],
)
def test_the_next_look_is_when_the_list_expires_and_after_six_hours_at_most(
    max_age_s: float | None, wait_s: float
) -> None:
    assert next_look_s(ring("a", max_age_s=max_age_s), 0, NOW, 0.0) == wait_s


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (10_000, 300)]
)
def test_after_failures_the_looks_become_rarer_to_five_minutes(
    failures: int, wait_s: float
) -> None:
    assert next_look_s(ring("a"), failures, NOW, 0.0) == wait_s


@given(st.integers(0, 100), st.floats(0, 1e6), st.floats(-1, 1))
def test_no_look_is_far_off_or_without_a_pause(failures: int, later: float, swing: float) -> None:
    wait_s = next_look_s(ring("a"), failures, NOW + later, swing)

    longest = RETRY_MAX_S if failures else REFRESH_S
    assert 5 * (1 - JITTER) <= wait_s <= longest * (1 + JITTER)


def test_replicas_that_started_together_do_not_ask_together() -> None:
    waits = {next_look_s(ring("a", max_age_s=None), 0, NOW, swing) for swing in (-1, 0, 1)}

    assert waits == {REFRESH_S * 0.95, REFRESH_S, REFRESH_S * 1.05}


def test_what_an_operator_should_know() -> None:
    assert ailment(KeyRing(), NOW, "") == ""
    assert ailment(KeyRing(), NOW, "HTTP 500") == "Google's keys were never read: HTTP 500"
    assert ailment(ring("a"), NOW + STALE_S, "HTTP 500") == ""
    assert ailment(ring("a"), NOW + STALE_S + 1, "HTTP 500").startswith("Google's keys are 12 h")
