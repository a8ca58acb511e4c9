"""Every order that is answered counts once, by its result."""

from __future__ import annotations

from tests.api.conftest import Api, Trader


def test_a_fill_and_its_replay_are_told_apart(api: Api, ada: Trader) -> None:
    ada.order(key="one")
    ada.order(key="one")

    assert api.deps.trades.results == {("filled", ""): 1, ("replayed", ""): 1}


def test_a_refusal_is_counted_under_its_code(api: Api, ada: Trader) -> None:
    ada.order(side="sell")

    assert api.deps.trades.results == {("refused", "INSUFFICIENT_SHARES"): 1}


def test_an_order_without_an_outcome_is_unavailable_whether_tried_or_not(
    api: Api, ada: Trader
) -> None:
    api.executor.down = True
    ada.order()
    api.executor.down, api.executor.full = False, True
    ada.order()

    assert api.deps.trades.results == {("unavailable", ""): 2}


def test_an_order_for_an_amount_counts_once_however_often_it_is_sized(
    api: Api, ada: Trader
) -> None:
    ada.order(notional="100.00")

    assert api.deps.trades.results == {("filled", ""): 1}


def test_what_is_no_order_is_not_counted(api: Api, ada: Trader) -> None:
    ada.order(quantity="nonsense")

    assert not api.deps.trades.results


def test_every_answer_is_timed(api: Api, ada: Trader) -> None:
    ada.order()
    ada.order(side="sell", quantity="99")

    assert api.deps.trades.answers.buckets()[-1][1] == 2
