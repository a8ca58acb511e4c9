"""position_margin.lua against its pure twin."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.changing import remargined
from touchline.domain.margin import initial_margin
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.refusals import Refusal, Refused
from touchline.store.position_commands import MarginCommand

from tests.fakes.exchange import Exchange
from tests.fakes.markets import within
from tests.fakes.scenes import Scene, beside, scenes
from tests.fakes.stage import WHERE, arrange, fact_of, same, unscanned

pytestmark = pytest.mark.external


_turns = st.integers(0, 7)


@st.composite
def amounts(draw: DrawFn) -> tuple[Scene, int]:
    """A scene, and an amount about which margin turns from possible to not."""
    scene = draw(scenes(busy=1))
    position, club = scene.position, scene.instrument
    room_e4 = position.open_value_e4 - position.margin_e4
    least_e4 = initial_margin(position.open_value_e4, position.leverage)
    at_mark_e4 = position.sign * (position.entry_px - club.mark_px) * position.qty // 500
    turns = (
        within(draw, 0, max(0, room_e4)),
        within(draw, min(0, least_e4 - position.margin_e4), 0),
        room_e4,
        least_e4 - position.margin_e4,
        at_mark_e4 - position.margin_e4,
        scene.wallet.cash_e4,
        0,
        within(draw, -AMOUNT_MAX, AMOUNT_MAX),
    )
    return scene, turns[draw(_turns)] + draw(beside)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=amounts())
def test_margin_is_moved_as_the_twin_does(exchange: Exchange, case: tuple[Scene, int]) -> None:
    scene, amount_e4 = case
    arrange(exchange, scene)
    expected = remargined(scene.position, amount_e4, scene.instrument, scene.wallet, scene.treasury)
    if scene.position.qty and unscanned(scene):
        expected = Refused(Refusal.SCAN_FIRST)

    command = MarginCommand("e-1", WHERE, amount_e4, "key", "print", 7_000)
    happened = same(exchange, command, expected)

    if happened and not isinstance(expected, Refused):
        assert happened.entry == fact_of(
            expected, k="change", event="e-1", dm=amount_e4, idem="key", fp="print", ms=7_000
        )
    exchange.client.flushdb()
