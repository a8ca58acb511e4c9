"""Delays and intensities, as plain functions."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from touchline.actors.backoff import Backoff, CrashBudget, CrashWindow, Intensity

FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(attempt=st.integers(0, 10_000), chance=FRACTIONS, jitter=st.floats(0, 1))
def test_a_delay_stays_between_its_doubling_and_the_cap_give_or_take_the_jitter(
    attempt: int, chance: float, jitter: float
) -> None:
    backoff = Backoff(min_s=0.1, max_s=5.0, jitter=jitter)

    delay_s = backoff.delay_s(attempt, chance)

    least = min(5.0, 0.1 * 2 ** min(attempt, 10)) * (1 - jitter)
    assert least - 1e-9 <= delay_s <= 5.0 * (1 + jitter) + 1e-9


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(min_s=1.0, max_s=5.0, jitter=0.0)

    assert [backoff.delay_s(attempt, 0.5) for attempt in range(5)] == [1, 2, 4, 5, 5]


def test_the_jitter_spreads_replicas_both_ways() -> None:
    backoff = Backoff(min_s=1.0, max_s=8.0, jitter=0.5)

    assert (backoff.delay_s(1, 0.0), backoff.delay_s(1, 0.5)) == (1.0, 2.0)
    assert backoff.longest_s(0.0) == 4.0


def test_one_crash_more_than_the_intensity_is_too_many() -> None:
    window = CrashWindow(Intensity(crashes=2, seconds=10.0))

    assert [window.add(at) for at in (0.0, 1.0, 2.0)] == [False, False, True]


def test_crashes_older_than_the_period_are_forgotten() -> None:
    window = CrashWindow(Intensity(crashes=2, seconds=10.0))

    assert not any(window.add(at) for at in (0.0, 6.0, 12.0, 18.0, 24.0))


@given(
    gaps=st.lists(st.integers(0, 8), max_size=40),  # whole seconds: these add exactly
    crashes=st.integers(0, 5),
)
@example(gaps=[0, 2, 8], crashes=2)  # the last at the very end of the period
def test_no_period_ever_holds_more_forgiven_crashes_than_the_intensity(
    gaps: list[int], crashes: int
) -> None:
    window, now, forgiven = CrashWindow(Intensity(crashes, 10.0)), 0.0, []
    for gap in gaps:
        now += gap
        if not window.add(now):
            forgiven.append(now)

    assert all(sum(start <= at <= start + 10.0 for at in forgiven) <= crashes for start in forgiven)


def test_a_parkable_child_spends_nobody_elses_budget() -> None:
    budget = CrashBudget(Intensity(crashes=1, seconds=10.0))

    bots = [budget.window("bots", None, apart=True).add(at) for at in (0.0, 1.0, 2.0)]

    assert bots == [False, True, True]
    assert not budget.window("http", None, apart=False).add(3.0)


def test_siblings_share_one_budget_unless_they_have_their_own() -> None:
    budget = CrashBudget(Intensity(crashes=1, seconds=10.0))

    shared = [budget.window(name, None, apart=False).add(0.0) for name in ("a", "b")]

    assert shared == [False, True]
    assert not budget.window("c", Intensity(3, 10.0), apart=False).add(0.0)
