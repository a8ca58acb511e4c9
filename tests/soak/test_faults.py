"""The faults of a soak come from its seed alone, and all kinds come."""

from __future__ import annotations

from itertools import pairwise

import pytest

from .faults import KINDS, Fault, How, Loss, schedule

CHILDREN = {"api-server": ["trade-writer", "api-listener"], "flusher": ["flusher"]}
HOUR_S = 3600.0


def losses(faults: list[Fault]) -> set[Loss]:
    return {strike.loss for fault in faults for strike in fault.strikes}


@pytest.mark.parametrize("lossy", [False, True])
def test_a_seed_says_everything_about_its_faults(lossy: bool) -> None:
    one, same, other = (schedule(s, HOUR_S, CHILDREN, lossy=lossy) for s in (1, 1, 2))

    assert one == same != other


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_comes_once_before_one_comes_again(seed: int) -> None:
    kinds = [fault.kind for fault in schedule(seed, HOUR_S, CHILDREN)]

    assert set(kinds[: len(KINDS)]) == set(KINDS)


@pytest.mark.parametrize("seconds", [20.0, 180.0])
@pytest.mark.parametrize("seed", range(20))
def test_faults_follow_each_other_and_are_over_at_the_end(seed: int, seconds: float) -> None:
    faults = schedule(seed, seconds, CHILDREN)

    assert len(faults) >= 3
    assert all(one.at_s + one.lasts_s <= two.at_s for one, two in pairwise(faults))
    assert faults[-1].at_s + faults[-1].lasts_s <= seconds


def test_some_freezes_outlast_a_lease() -> None:
    frozen = [
        fault.lasts_s
        for fault in schedule(1, HOUR_S, CHILDREN)
        if any(strike.how is How.FREEZE for strike in fault.strikes)
    ]

    assert min(frozen) < 1
    assert 6 < max(frozen) <= 10


def test_valkey_forgets_something_in_a_lossy_soak_alone() -> None:
    assert losses(schedule(1, HOUR_S, CHILDREN)) == {Loss.NOTHING}
    assert losses(schedule(1, HOUR_S, CHILDREN, lossy=True)) == set(Loss)
