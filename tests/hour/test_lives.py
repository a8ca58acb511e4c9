"""The judge of the hour finds what is wrong with a life, and nothing with an honest one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from touchline.domain.halts import Halt, Phase
from touchline.domain.position_events import EventKind, Trigger
from touchline.domain.positions import CloseReason, Stops

from tests.fakes.positions import SHORT, event
from tests.hour.lives import Judge
from tests.hour.market import BLOCK, Market
from tests.hour.stories import CLUB, OPENED, SLACK, close, opened, quotes, ticks, wrong


def test_a_life_that_ends_at_its_first_breach_is_right() -> None:
    market = ticks(990_000, 940_000, 940_000)

    assert wrong(market, opened(), close(market, 12)) == ""


def test_a_close_priced_with_pencil_and_paper_is_right() -> None:
    # Its own tick has the inventory after it.
    market = quotes((940_000, 0), (940_000, -10_000))
    # 940,000 less half of a thousandth for 10 of 10,000 shares, less a thousandth: 938,590.47
    made = close(market, 11, px=938_590, value_e4=9_385_900, fee_e4=9_386, pnl_e4=-629_110)

    assert wrong(market, opened(), made) == ""


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ((990_000, 940_000), "still there after stop_loss at 1000-12"),
        ((990_000, 1_060_000, 1_060_000), "still there after take_profit at 1000-12"),
        ((890_000,), "still there after stop_loss at 1000-11"),
    ],
)
def test_a_position_that_should_be_gone_is_told(prices: tuple[int, ...], said: str) -> None:
    assert wrong(ticks(*prices), opened()) == said


def test_a_trailing_stop_that_was_met_is_told() -> None:
    trailing = replace(OPENED, stops=Stops(trail_px=20_000), best_px=1_000_000)

    said = wrong(ticks(1_010_000, 989_000), opened(trailing))

    assert said == "still there after trailing_stop at 1000-12"


def test_a_liquidation_that_did_not_happen_is_told() -> None:
    bare = replace(OPENED, stops=Stops())

    assert wrong(ticks(900_000), opened(bare)) == "still there after liquidation at 1000-11"


def test_a_close_by_a_later_tick_than_the_first_is_told() -> None:
    market = ticks(990_000, 940_000, 930_000, 930_000)

    said = wrong(market, opened(), close(market, 13))

    assert said == "closed for stop_loss at 1000-13; the first breach was stop_loss at 1000-12"


def test_a_close_by_a_tick_that_breaches_nothing_is_told() -> None:
    market = ticks(990_000, 940_000, 940_000)
    early = replace(close(market, 12), trigger=Trigger("1000-11", 0, 0, 0, approximate=False))

    said = wrong(market, opened(), early)

    assert said == "closed for stop_loss at 1000-11; the first breach was none"


def test_a_close_under_a_halt_that_stops_closing_is_told() -> None:
    honest = close(ticks(940_000, 940_000), 11)

    said = wrong(ticks(940_000, 940_000, halt=Halt.EVENT), opened(), honest)

    assert said == "closed for stop_loss at 1000-11; the first breach was none"


def test_a_close_by_a_tick_that_its_own_made_is_told() -> None:
    market = ticks(940_000, 940_000)
    made = replace(close(market, 11), seq=11)

    assert "the first breach was none" in wrong(market, opened(), made)


@pytest.mark.parametrize(
    ("but", "said"),
    [
        ({"reason": CloseReason.LIQUIDATION}, "closed for liquidation instead of stop_loss"),
        ({"px": 938_591}, "closed with price 938591 instead of 938590"),
        ({"value_e4": 9_385_901}, "closed with value 9385901 instead of 9385900"),
        ({"fee_e4": 0}, "closed with fee 0 instead of 9386"),
        ({"pnl_e4": 0}, "closed with profit 0 instead of -629110"),
        ({"shortfall_e4": 1}, "closed with shortfall 1 instead of 0"),
        ({"margin_e4": 0}, "closed with margin 0 instead of -2003002"),
        (
            {"trigger": Trigger("1000-11", 940_001, 950_002, 940_003, approximate=False)},
            "closed with quote 940001 instead of 940000, level 950002 instead of 950000, "
            "index 940003 instead of 940000",
        ),
    ],
)
def test_a_close_for_another_reason_or_at_another_price_is_told(
    but: dict[str, Any], said: str
) -> None:
    market = ticks(940_000, 940_000)

    assert wrong(market, opened(), close(market, 11, **but)) == said


def test_a_close_at_the_inventory_of_another_moment_is_told() -> None:
    market = quotes((940_000, 0), (940_000, SLACK), (940_000, SLACK))
    early = replace(close(market, 11, made=12), seq=13)

    assert "closed with price 938590 instead of 929199" in wrong(market, opened(), early)


def test_in_play_a_close_pays_the_wider_spread() -> None:
    market = quotes((940_000, 0), (940_000, 0), phase=Phase.LIVE)

    assert wrong(market, opened(), close(market, 11, px=936_711, value_e4=9_367_110,
        fee_e4=9_368, pnl_e4=-647_900)) == ""  # fmt: skip
    narrow = close(ticks(940_000, 940_000), 11)
    assert "closed with price 938590 instead of 936711" in wrong(market, opened(), narrow)


def test_a_stop_moved_before_its_price_came_counts_from_then_on() -> None:
    moved = replace(OPENED, stops=Stops(930_000, None, None), checked_seq=11, number=2)
    life = [opened(), event(kind=EventKind.CHANGE, position=moved)]

    assert wrong(ticks(960_000, 940_000), *life) == ""


def test_a_stop_pulled_after_its_price_had_come_is_told() -> None:
    pulled = replace(OPENED, stops=Stops(), checked_seq=11, number=2)

    said = wrong(ticks(940_000), opened(), event(kind=EventKind.CHANGE, position=pulled))

    assert said == "still there after stop_loss at 1000-11"


def test_a_tick_under_a_halt_that_stops_closing_is_no_breach() -> None:
    assert wrong(ticks(940_000, halt=Halt.EVENT), opened()) == ""


def test_missing_ticks_are_told() -> None:
    with pytest.raises(ValueError, match="ARS: ticks are missing"):
        Market(CLUB, [*ticks(940_000).ticks, *ticks(940_000, 940_000, 940_000).ticks[3:]])

    early = replace(OPENED, checked_seq=8)
    assert wrong(ticks(990_000), opened(early)) == "ticks of its life are missing"


def test_ticks_far_from_a_stop_hide_none_near_it() -> None:
    far = [1_000_000] * 150

    assert wrong(ticks(*far, 940_000, *far), opened()) == "still there after stop_loss at 1000-161"
    trailing = replace(OPENED, stops=Stops(trail_px=20_000), best_px=1_000_000)
    climb = wrong(ticks(*far, 1_040_000, *[1_040_000] * 90, 1_019_000, *far), opened(trailing))
    assert climb == "still there after trailing_stop at 1000-252"


def test_a_stop_that_followed_far_is_looked_for_where_it_stands() -> None:
    trailing = replace(OPENED, stops=Stops(trail_px=20_000), best_px=1_000_000)
    calm = [1_000_000] * (BLOCK - 2)

    said = wrong(ticks(*calm, 1_040_000, *[1_001_000] * BLOCK), opened(trailing))

    assert said == f"still there after trailing_stop at 1000-{10 + BLOCK}"


def test_a_short_that_should_be_liquidated_is_told_wherever_the_tick_is() -> None:
    bare = replace(SHORT, liquidation_px=1_100_000, checked_seq=10)
    calm = [1_000_000] * 2 * BLOCK

    said = wrong(ticks(*calm, *[1_100_000] * BLOCK), opened(bare))

    assert said == f"still there after liquidation at 1000-{11 + 2 * BLOCK}"


def test_what_came_after_the_watch_had_stopped_is_nobodys_fault() -> None:
    market = ticks(990_000, 940_000)

    assert list(Judge(market, 1).wrongs([opened()])) == []
    assert list(Judge(market, 2).wrongs([opened()])) != []
