"""position_modify.lua against its pure twin, and whose word it takes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.changing import restopped
from touchline.domain.positions import Direction, Stops
from touchline.domain.refusals import Refusal, Refused
from touchline.store.position_commands import Happened, PositionKey, StopsCommand

from tests.fakes.exchange import ANN, ARS, Exchange
from tests.fakes.scenes import Scene, scenes, stops_at
from tests.fakes.stage import WHERE, arrange, fact_of, same, unscanned

pytestmark = pytest.mark.external

WITH_REDIS = settings(max_examples=60)
_yes = st.booleans()
NAMES = ("stop_loss_px", "take_profit_px", "trail_px")


@st.composite
def changes(draw: DrawFn) -> tuple[Scene, Stops, StopsCommand]:
    """A scene, the stops wanted in the end, and the command that keeps some of them."""
    scene = draw(scenes(busy=1))
    position = scene.position
    wanted = draw(stops_at(scene.instrument, position.side, position.liquidation_px))
    kept = {name for name in NAMES if draw(_yes)}
    asked: dict[str, Any] = {name: "=" if name in kept else getattr(wanted, name) for name in NAMES}
    stops = Stops(*(getattr(position.stops if name in kept else wanted, name) for name in NAMES))
    return scene, stops, StopsCommand("e-1", WHERE, position.number, **asked, now_ms=7_000)


@WITH_REDIS
@given(case=changes())
def test_stops_are_changed_as_the_twin_does(
    exchange: Exchange, case: tuple[Scene, Stops, StopsCommand]
) -> None:
    scene, stops, command = case
    arrange(exchange, scene)
    expected = restopped(scene.position, stops, scene.instrument, scene.wallet, scene.treasury)
    if scene.position.qty and unscanned(scene):
        expected = Refused(Refusal.SCAN_FIRST)

    happened = same(exchange, command, expected)

    if happened and not isinstance(expected, Refused):
        assert happened.entry == fact_of(expected, k="change", event="e-1", ms=7_000)
    exchange.client.flushdb()


@settings(WITH_REDIS, max_examples=10)
@given(scene=scenes(), off=st.sampled_from([1, -1]))
def test_stops_of_another_version_are_refused(exchange: Exchange, scene: Scene, off: int) -> None:
    arrange(exchange, scene)
    known = scene.position.number
    reason = scene.position.reason

    outcome = same(
        exchange,
        StopsCommand("e-1", WHERE, known + off, None, None, None, 7_000),
        Refused(Refusal.VERSION_MISMATCH, {"version": known})
        if reason is None
        else Refused(Refusal.POSITION_CLOSED, {"reason": reason.value}),
    )

    assert outcome is None
    exchange.client.flushdb()


@pytest.mark.parametrize("side", Direction)
@pytest.mark.parametrize(
    ("name", "at", "off", "allowed"),
    [
        ("stop_loss_px", "quote", 0, False),
        ("stop_loss_px", "quote", -1, True),
        ("stop_loss_px", "liquidation", 0, True),
        ("stop_loss_px", "liquidation", -1, False),
        ("take_profit_px", "quote", 0, False),
        ("take_profit_px", "quote", 1, True),
        ("trail_px", "spreads", 0, True),
        ("trail_px", "spreads", -1, False),
    ],
)
def test_a_stop_is_good_up_to_the_very_unit(
    exchange: Exchange, side: Direction, name: str, at: str, off: int, allowed: bool
) -> None:
    exchange.fund(ANN)
    position = exchange.open(side, 1_000).event.position
    club = exchange.hot.instrument(ARS)
    assert club is not None
    prices = {
        "quote": club.bid_px if side is Direction.LONG else club.ask_px,
        "liquidation": position.liquidation_px,
        "spreads": 2 * (club.ask_px - club.bid_px),
    }
    px = prices[at] + off * (1 if name == "trail_px" else side.sign)
    asked: dict[str, Any] = dict.fromkeys(NAMES, "=") | {name: px}

    outcome = exchange.run(
        StopsCommand("e-1", PositionKey(position.id, ANN, ARS), 1, **asked, now_ms=3_000)
    )

    assert isinstance(outcome, Happened) == allowed
