"""The audit finds what is lost, doubled, altered or made up, and nothing in honest books."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .audit import Entry, Found, audit
from .promises import Promises
from .stories import (
    BOUGHT,
    GRANT,
    OPENED,
    OPENING,
    STOPPED,
    fill,
    happened,
    opening,
    order,
    purse,
    said,
    stops,
    told,
)

HONEST = [GRANT, BOUGHT, OPENED, STOPPED]
PULLED = replace(OPENED, fact="c", key="", cash_e4=0, locked_e4=0, number=3)


def promised() -> Promises:
    return told((order(), said(fill())), (opening(), said(happened())))


def found(entries: list[Entry], promises: Promises | None = None) -> Found:
    return audit(promises or promised(), OPENING, entries, purse(*entries))


def test_nothing_is_wrong_with_honest_books() -> None:
    assert found(HONEST) == Found()


def test_a_promise_without_its_fact_is_lost_at_the_level_it_was_given() -> None:
    promises = told((order(), said(fill(durable="redis"))), (opening(), said(happened())))

    wrong = found([GRANT], promises)

    assert [each.fact for each in wrong.lost_of("redis")] == ["b"]
    assert [each.fact for each in wrong.lost_of("postgres")] == ["o"]


def test_two_facts_under_one_key_are_one_too_many() -> None:
    assert found([*HONEST, replace(BOUGHT, fact="b2")]).twice == [(BOUGHT.user, "t-1")]


@pytest.mark.parametrize("change", [{"cash_e4": -100_0999}, {"locked_e4": 1}, {"key": "t-9"}])
def test_a_fact_with_other_figures_than_were_told_is_altered(change: dict[str, object]) -> None:
    altered = replace(BOUGHT, **change)  # type: ignore[arg-type]

    assert len(found([GRANT, altered, OPENED, STOPPED]).altered) == 1


@pytest.mark.parametrize(
    "stray",
    [
        replace(BOUGHT, fact="x", key="t-7"),
        replace(STOPPED, fact="x", triggered=False),
        replace(STOPPED, fact="x", by="client"),
        replace(GRANT, fact="x", cash_e4=1),
        PULLED,
    ],
    ids=["a trade", "no tick", "a client's close", "a grant", "a change of stops"],
)
def test_a_fact_that_nobody_asked_for_is_found(stray: Entry) -> None:
    assert found([*HONEST, stray]).unasked == [str(stray)]


def test_a_change_of_stops_that_nobody_answered_may_have_happened() -> None:
    promises = promised()
    promises.begin(stops("p", 2))

    assert found([*HONEST, PULLED], promises).unasked == []
    assert found([*HONEST, replace(PULLED, number=4)], promises).unasked != []


def test_a_wallet_has_what_its_owner_reckons_and_not_a_ten_thousandth_more() -> None:
    purses = purse(*HONEST)
    less = {user: replace(each, cash_e4=each.cash_e4 - 1) for user, each in purses.items()}

    assert audit(promised(), OPENING, HONEST, purses).purses == []
    assert len(audit(promised(), OPENING, HONEST, less).purses) == 1
    assert len(audit(promised(), OPENING, HONEST, {}).purses) == 1
