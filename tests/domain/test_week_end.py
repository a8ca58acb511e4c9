"""Which week is to be ended first, and what somebody was worth then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.leaderboard import WEEK_MS, week_of
from touchline.domain.portfolio import HeldShares, Holding, OpenPosition, Portfolio, Wallet
from touchline.domain.week_end import Mark, Owned, Rollover, Stake, due, equity_e4, inexact

from tests.fakes.positions import LONG, SHORT

NOW_MS = 1_792_854_300_123
PRESENT = week_of(NOW_MS)
ARS, EVE = 1, 2


def test_the_first_week_of_all_is_only_opened():
    assert due(None, NOW_MS, NOW_MS) == Rollover(None, PRESENT)
    assert Rollover(None, PRESENT).at_ms == PRESENT.starts_ms


def test_the_first_week_is_the_one_that_was_looked_at_first_however_much_later_it_is():
    assert due(None, NOW_MS, NOW_MS + 5 * WEEK_MS) == Rollover(None, PRESENT)


def test_nothing_is_due_while_the_present_week_is_open():
    assert due(PRESENT, NOW_MS, NOW_MS) is None
    assert due(PRESENT, NOW_MS, PRESENT.ends_ms - 1) is None
    assert due(week_of(NOW_MS + WEEK_MS), NOW_MS, NOW_MS) is None  # by a calendar that was set back


def test_a_week_ends_when_the_next_begins():
    assert due(PRESENT, NOW_MS, PRESENT.ends_ms) == Rollover(PRESENT, week_of(PRESENT.ends_ms))


@given(st.integers(0, 60))
def test_missed_weeks_are_ended_one_after_the_other(missed):
    latest, ended = week_of(NOW_MS - missed * WEEK_MS), []

    while (rollover := due(latest, NOW_MS, NOW_MS)) is not None:
        assert rollover.ended == latest
        assert rollover.at_ms == latest.ends_ms
        ended.append(latest)
        latest = rollover.opening

    assert len(ended) == missed
    assert latest == PRESENT


PRICES = st.integers(5_000, 10_000_000)


@given(st.integers(0, 10**12), st.integers(0, 10**7), PRICES, PRICES)
def test_what_was_owned_is_worth_what_a_portfolio_of_the_same_is(cash, qty, ars_px, eve_px):
    marks = {ARS: Mark(ars_px, True), EVE: Mark(eve_px, True)}
    stakes = tuple(
        Stake(idx, each.side, each.qty, each.open_value_e4, each.margin_e4)
        for idx, each in ((ARS, LONG), (EVE, SHORT))
    )
    portfolio = Portfolio(
        7,
        1,
        Wallet(cash, 0, 3),
        (HeldShares(EVE, "EVE", Holding(qty, 0, 1), eve_px),),
        tuple(
            OpenPosition("X", each, px - 9, px + 9, px)
            for each, px in ((LONG, ars_px), (SHORT, eve_px))
        ),
    )

    owned = Owned(7, 3, cash, 0, ((EVE, qty),), stakes)

    assert equity_e4(owned, marks) == portfolio.marked_e4
    assert owned.clubs == {ARS, EVE}


def test_a_position_that_has_lost_more_than_its_margin_is_worth_nothing():
    stake = Stake(ARS, LONG.side, LONG.qty, LONG.open_value_e4, LONG.margin_e4)

    assert equity_e4(Owned(7, 3, 5, 0, (), (stake,)), {ARS: Mark(1, True)}) == 5


def test_without_a_mark_nothing_is_guessed():
    with pytest.raises(KeyError):
        equity_e4(Owned(7, 3, 5, 0, ((ARS, 1),)), {})


def test_only_marks_that_somebody_was_valued_at_make_a_week_approximate():
    marks = {ARS: Mark(100, False), EVE: Mark(100, True)}

    assert inexact({ARS, EVE}, marks) == [ARS]
    assert inexact({EVE}, marks) == []
