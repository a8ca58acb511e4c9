"""How a price has changed, as clients see it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.outlook import UNKNOWN, Outlook, change_pct, outlook_view

PRICES = st.integers(1, 10_000_000)


@pytest.mark.parametrize(
    ("now", "then", "change"),
    [
        (1_000_000, 1_000_000, "0.00"),
        (1_010_000, 1_000_000, "1.00"),
        (990_000, 1_000_000, "-1.00"),
        (1_000_049, 1_000_000, "0.00"),
        (999_951, 1_000_000, "0.00"),
        (1_000_050, 1_000_000, "0.01"),
        (999_950, 1_000_000, "-0.01"),
        (3_000_000, 1_000_000, "200.00"),
    ],
)
def test_a_change_is_told_in_percent(now: int, then: int, change: str) -> None:
    assert change_pct(now, then) == change


@given(PRICES, PRICES)
def test_a_change_is_exact_to_half_a_hundredth(now: int, then: int) -> None:
    told = Fraction(change_pct(now, then))

    assert abs(told - Fraction(100 * (now - then), then)) <= Fraction(1, 200)


def test_what_is_not_known_is_null() -> None:
    view = {"change_24h": None, "leagues": [], "next_fixture": None}

    assert outlook_view(UNKNOWN, 1_000_000) == view


def test_a_club_plays_in_leagues_by_name_or_number() -> None:
    outlook = Outlook(leagues=("Cup", "Premier League"), league_ids=(7, 8))

    assert [outlook.plays_in(each) for each in ("Cup", "8", "cup", "9", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
