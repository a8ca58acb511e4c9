"""What counts as promised, and which requests stay open."""

from __future__ import annotations

import pytest

from tests.hour.wire import Said

from .promises import Asked, Promises
from .stories import basket, fill, happened, opening, order, said, stops, told

REFUSED = said({"code": "INSUFFICIENT_MARGIN"}, 409)


@pytest.mark.parametrize(
    ("asked", "answer", "cash_e4", "locked_e4"),
    [
        (order(), said(fill()), -100_1000, 0),
        (order(), said(fill(side="sell")), 99_9000, 0),
        (opening(), said(happened()), -20_2000, 20_0000),
        (opening(), said(happened(pnl="-3.0000", margin="-20.0000"), 200), 16_8000, -20_0000),
        (stops("p", 1), said(happened(margin="0.0000", fee="0.0000"), 200), 0, 0),
    ],
)
def test_an_answer_promises_what_it_did_to_the_wallet(
    asked: Asked, answer: Said, cash_e4: int, locked_e4: int
) -> None:
    [promise] = told((asked, answer)).facts.values()

    assert (promise.cash_e4, promise.locked_e4) == (cash_e4, locked_e4)


def test_of_a_basket_each_filled_order_is_a_promise_under_its_own_key() -> None:
    results = [
        {"status": 201, "order": fill("b1")},
        {"status": 409, "problem": {"code": "MARKET_HALTED"}},
        {"status": 201, "order": fill("b3", durable="redis")},
    ]

    promises = told((basket("k1", "k2", "k3"), said({"results": results}, 200)))

    assert [(p.fact, p.key, p.durable) for p in promises.facts.values()] == [
        ("b1", "k1", "postgres"),
        ("b3", "k3", "redis"),
    ]


def test_a_refusal_promises_nothing_and_leaves_nothing_open() -> None:
    promises = told((order(), REFUSED))

    assert (promises.facts, promises.open) == ({}, {})


def test_a_request_stays_open_that_was_refused_after_a_try_without_an_answer() -> None:
    promises, asked = Promises(), order()

    promises.begin(asked)
    promises.end(asked, REFUSED, doubtful=True)

    assert list(promises.open.values()) == [asked]


def test_a_request_that_was_carried_out_is_not_open_however_many_tries_it_took() -> None:
    promises, asked = Promises(), order()

    promises.begin(asked)
    promises.end(asked, said(fill()), doubtful=True)

    assert promises.open == {}


def test_a_basket_stays_open_while_one_of_its_orders_is_in_doubt() -> None:
    promises, asked = Promises(), basket("k1", "k2")
    results = [{"status": 201, "order": fill("b1")}, {"status": 409, "problem": {}}]

    promises.begin(asked)
    promises.end(asked, said({"results": results}, 200), doubtful=True)

    assert list(promises.open.values()) == [asked]
    assert list(promises.facts) == ["b1"]


def test_the_best_level_that_was_told_counts() -> None:
    answers = [(order(), said(fill(durable=level))) for level in ("redis", "postgres", "redis")]

    [promise] = told(*answers).facts.values()

    assert promise.durable == "postgres"


@pytest.mark.parametrize("other", [fill("b2"), fill(fee="0.2000")])
def test_two_different_answers_under_one_key_contradict_each_other(other: dict[str, str]) -> None:
    promises = told((order(), said(fill())), (order(), said(other)))

    assert len(promises.contradictions) == 1
