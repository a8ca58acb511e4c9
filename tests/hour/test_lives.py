"""The judge of the hour finds what is wrong with a life, and nothing with an honest one."""

from dataclasses import replace

import pytest
from touchline.domain.halts import OPEN, Halt
from touchline.domain.position_events import By, EventKind, PositionEvent, Trigger
from touchline.domain.positions import CloseReason, Position, Stops
from touchline.domain.ticks import Tick

from tests.fakes.positions import LONG, event
from tests.hour.lives import wrongs

DEPTH = 10_000_000
OPENED = replace(
    LONG,
    stops=Stops(950_000, 1_050_000, None),
    best_px=None,
    liquidation_px=900_000,
    checked_seq=10,
    number=1,
)


def ticks(*prices: int, halt: Halt = OPEN) -> list[Tick]:
    return [
        Tick(f"1000-{seq}", seq, px, 0, px, px, px, px, "feed", halt)
        for seq, px in enumerate((1_000_000, *prices), 10)
    ]


def opened(position: Position = OPENED) -> PositionEvent:
    return event(position=position)


def closed_by(seq: int, reason: CloseReason = CloseReason.STOP_LOSS) -> PositionEvent:
    after = replace(OPENED, qty=0, number=2, reason=reason, closed_ms=1)
    trigger = Trigger(f"1000-{seq}", 0, 0, 0, approximate=False)
    return event(
        kind=EventKind.CLOSE, position=after, by=By.STOP_WATCHER, reason=reason, trigger=trigger
    )


def test_a_life_that_ends_at_its_first_breach_is_right() -> None:
    assert list(wrongs([opened(), closed_by(12)], ticks(990_000, 940_000), DEPTH)) == []


@pytest.mark.parametrize(
    ("life", "prices", "said"),
    [
        ([opened()], (990_000, 940_000), "still there after stop_loss at 1000-12"),
        ([opened(), closed_by(13)], (990_000, 940_000, 930_000), "the first breach was stop_loss"),
        ([opened(), closed_by(11)], (990_000, 940_000), "the first breach was none"),
        (
            [opened(), closed_by(12, CloseReason.LIQUIDATION)],
            (990_000, 940_000),
            "closed for liquidation instead of stop_loss",
        ),
        ([opened()], (990_000, 1_060_000, 1_060_000), "still there after take_profit"),
        (
            [opened(replace(OPENED, stops=Stops(trail_px=20_000), best_px=1_000_000))],
            (1_010_000, 989_000),
            "still there after trailing_stop at 1000-12",
        ),
    ],
)
def test_what_is_wrong_with_a_life_is_told(
    life: list[PositionEvent], prices: tuple[int, ...], said: str
) -> None:
    [wrong] = wrongs(life, ticks(*prices), DEPTH)

    assert said in wrong.what


def test_a_stop_moved_before_its_price_came_counts_from_then_on() -> None:
    moved = replace(OPENED, stops=Stops(930_000, None, None), checked_seq=11, number=2)
    life = [opened(), event(kind=EventKind.CHANGE, position=moved)]

    assert list(wrongs(life, ticks(960_000, 940_000), DEPTH)) == []


def test_a_stop_pulled_after_its_price_had_come_is_told() -> None:
    pulled = replace(OPENED, stops=Stops(), checked_seq=11, number=2)

    [wrong] = wrongs(
        [opened(), event(kind=EventKind.CHANGE, position=pulled)], ticks(940_000), DEPTH
    )

    assert "still there after stop_loss" in wrong.what


def test_a_tick_under_a_halt_that_stops_closing_is_no_breach() -> None:
    assert list(wrongs([opened()], ticks(940_000, halt=Halt.EVENT), DEPTH)) == []
