"""The verdict of a soak, and its figures by fault."""

from __future__ import annotations

import pytest

from .audit import Found
from .faults import Fault
from .report import AFTER_S, Soak
from .stories import USER, fill, order, said, told
from .striker import Struck

FAULT = Fault(0.0, 1.0, "Valkey killed", ())


def soaked(*, lossy: bool = False, durable: str = "postgres", began_s: float = 0.5) -> Soak:
    """A soak in which one order was promised at 1 s, and one fault lasted for 0.1 s."""
    struck = Struck(FAULT, began_s, began_s + 0.1)
    promises = told((order(), said(fill(durable=durable))))
    return Soak(1, 60.0, lossy, struck=[struck], promises=promises)


def test_a_soak_without_anything_wrong_is_ok() -> None:
    assert soaked().ok


def test_a_soak_in_which_nobody_traded_proves_nothing() -> None:
    assert not Soak(1, 60.0, lossy=False).ok


@pytest.mark.parametrize("what", ["twice", "altered", "unasked", "purses"])
def test_whatever_is_found_fails_a_soak(what: str) -> None:
    soak = soaked(lossy=True)
    soak.found = Found(**{what: ["something"]})

    assert not soak.ok


def test_anything_else_that_is_wrong_fails_a_soak() -> None:
    soak = soaked()
    soak.wrong = {"bugs": [], "reconcile": ["failed"]}

    assert not soak.ok
    assert soak.as_dict()["wrong"] == {"reconcile": ["failed"]}


@pytest.mark.parametrize(
    ("durable", "lossy", "ok"),
    [
        ("postgres", False, False),
        ("redis", False, False),
        ("postgres", True, False),
        ("redis", True, True),
    ],
)
def test_only_what_redis_alone_had_may_be_lost_and_only_by_a_lossy_one(
    durable: str, lossy: bool, ok: bool
) -> None:
    soak = soaked(durable=durable, lossy=lossy)
    soak.found = Found(lost=list(soak.promises.facts.values()))

    assert soak.ok is ok
    assert soak.as_dict()["lost"][durable] == 1


@pytest.mark.parametrize(
    ("began_s", "acknowledged"),
    [(0.5, 1), (1.1, 0), (1.0 - 0.1 - AFTER_S, 1), (0.8 - AFTER_S, 0)],
)
def test_a_promise_counts_under_the_faults_that_were_on_or_just_over(
    began_s: float, acknowledged: int
) -> None:
    soak = soaked(began_s=began_s)
    soak.found = Found(lost=list(soak.promises.facts.values()), twice=[(USER, "t-1")])

    assert soak.as_dict()["faults"] == {
        "Valkey killed": {
            "struck": 1,
            "acknowledged": acknowledged,
            "lost": acknowledged,
            "duplicated": acknowledged,
        }
    }
