"""The judge of the hour lets a breach pass that could not close its position, and no other."""

from __future__ import annotations

from dataclasses import replace

from touchline.domain.position_events import EventKind
from touchline.domain.positions import Stops

from tests.fakes.positions import SHORT, event
from tests.hour.lives import LATER, Judge
from tests.hour.stories import PRESSED, SLACK, THIN, close, opened, quotes, wrong


def test_a_breach_passes_while_the_margin_does_not_cover_it_and_the_next_one_closes() -> None:
    market = quotes((990_000, PRESSED), (990_000, SLACK), (990_000, SLACK))

    assert wrong(quotes((990_000, PRESSED)), opened(THIN)) == ""
    assert wrong(market, opened(THIN), close(market, 12, THIN)) == ""


def test_after_a_breach_that_passed_the_first_that_could_close_counts() -> None:
    market = quotes((990_000, PRESSED), (990_000, SLACK), (989_000, SLACK), (989_000, SLACK))

    said = wrong(market, opened(THIN), close(market, 13, THIN))

    assert said == "closed for stop_loss at 1000-13; the first breach was stop_loss at 1000-12"


def test_a_breach_that_the_margin_covered_may_not_pass() -> None:
    market = quotes((990_000, SLACK), (989_000, SLACK), (989_000, SLACK))

    said = wrong(market, opened(THIN), close(market, 12, THIN))

    assert said == "closed for stop_loss at 1000-12; the first breach was stop_loss at 1000-11"
    assert wrong(quotes((990_000, SLACK)), opened(THIN)) == (
        "still there after stop_loss at 1000-11"
    )


def test_a_breach_passes_for_whoever_tried_it_late_and_found_the_price_pressed() -> None:
    market = quotes((990_000, SLACK), (990_000, PRESSED), (990_000, SLACK), (990_000, SLACK))

    assert wrong(market, opened(THIN), close(market, 13, THIN)) == ""


def test_what_came_after_the_next_event_excuses_nothing() -> None:
    market = quotes((990_000, SLACK), (990_000, SLACK), (990_000, PRESSED))
    moved = replace(THIN, checked_seq=12, number=2)

    closed = wrong(market, opened(THIN), close(market, 12, THIN, made=13))
    changed = wrong(market, opened(THIN), event(kind=EventKind.CHANGE, position=moved))

    assert closed.endswith("the first breach was stop_loss at 1000-11")
    assert changed == "still there after stop_loss at 1000-11"


def test_what_came_much_later_excuses_nothing() -> None:
    breach, calm, pressed = (990_000, SLACK), (1_000_000, 0), (990_000, PRESSED)
    late, too_late = [calm] * (LATER - 1), [calm] * LATER

    assert wrong(quotes(breach, *too_late, pressed), opened(THIN)) == (
        "still there after stop_loss at 1000-11"
    )
    assert wrong(quotes(breach, *late, pressed), opened(THIN)) == ""


def test_a_breach_may_not_pass_once_the_house_bears_what_the_margin_does_not_cover() -> None:
    # Pressed by a little less than a quarter of the margin: the lower the index, the fewer coins
    # that is, and the last of them is borne when the index has fallen to the first of these.
    borne, not_yet = quotes((927_142, -170_000)), quotes((927_143, -170_000))

    assert wrong(borne, opened(THIN)) == "still there after stop_loss at 1000-11"
    assert wrong(not_yet, opened(THIN)) == ""


def test_a_breach_passes_however_low_the_index_while_others_press_the_price_further() -> None:
    assert wrong(quotes((900_000, PRESSED)), opened(THIN)) == ""


def test_a_close_that_the_margin_did_not_cover_is_told() -> None:
    market = quotes((990_000, PRESSED), (990_000, PRESSED))
    honest = close(quotes((990_000, SLACK), (990_000, SLACK)), 11, THIN)

    said = wrong(market, opened(THIN), honest)

    assert said == "closed, and would have been refused with INSUFFICIENT_MARGIN"


def test_a_short_that_others_press_upwards_may_pass_too() -> None:
    thin = replace(
        SHORT, stops=Stops(1_020_000), entry_px=1_000_000, open_value_e4=10_000_000,
        margin_e4=500_000, liquidation_px=1_100_000, checked_seq=10,
    )  # fmt: skip

    assert wrong(quotes((1_010_000, -PRESSED)), opened(thin)) == ""
    assert wrong(quotes((1_010_000, -SLACK)), opened(thin)) == (
        "still there after stop_loss at 1000-11"
    )


def test_a_profit_passes_that_the_whole_quantity_cannot_have_at_its_price() -> None:
    # The bid is at it, and 10 shares would get 1,049,423 on average.
    market = quotes((1_051_060, 0), (1_060_000, 0), (1_060_000, 0))

    assert market.ticks[1].bid_px >= 1_050_000
    assert wrong(quotes((1_051_060, 0)), opened()) == ""
    assert wrong(market, opened(), close(market, 12)) == ""


def test_a_profit_that_could_be_had_may_not_pass() -> None:
    market = quotes((1_052_000, 0), (1_060_000, 0), (1_060_000, 0))

    said = wrong(market, opened(), close(market, 12))

    assert said.endswith("the first breach was take_profit at 1000-11")


def test_a_profit_taken_at_less_than_its_price_is_told() -> None:
    market = quotes((1_051_060, 0), (1_051_060, 0))
    taken = close(quotes((1_052_000, 0), (1_052_000, 0)), 11)

    said = wrong(market, opened(), taken)

    assert said == "closed, and would have been refused with TAKE_PROFIT_NOT_REACHABLE"


def test_what_was_let_pass_is_counted() -> None:
    judge = Judge(quotes((990_000, PRESSED), (990_000, PRESSED)))

    assert list(judge.wrongs([opened(THIN)])) == []
    assert judge.passed == {"INSUFFICIENT_MARGIN": 2}
