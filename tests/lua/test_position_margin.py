"""position_margin.lua against its pure twin."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.changing import remargined
from touchline.domain.margin import initial_margin
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.positions import Direction, Position
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange
from touchline.store.position_commands import Happened, MarginCommand, PositionKey

from tests.fakes.exchange import ANN, ARS, LEASE, OWNER, Exchange
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


@settings(max_examples=60)
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


def more_margin(exchange: Exchange, position: Position, amount_e4: int) -> Any:
    key, where = exchange.new_id(), PositionKey(position.id, ANN, ARS)
    return exchange.run(MarginCommand(key, where, amount_e4, key, "print", 7_000))


def test_margin_is_taken_back_down_to_the_initial_one(exchange: Exchange) -> None:
    exchange.fund(ANN)
    position = exchange.open(Direction.LONG, 1_000).event.position
    more_margin(exchange, position, 5_000)

    too_much = more_margin(exchange, position, -5_001)
    all_of_it = more_margin(exchange, position, -5_000)

    assert too_much == Refused(Refusal.MARGIN_LIMIT_EXCEEDED, {"limit_e4": 5_000})
    assert isinstance(all_of_it, Happened)


def test_margin_is_not_taken_back_to_where_the_mark_would_liquidate(exchange: Exchange) -> None:
    exchange.fund(ANN)
    opened = exchange.open(Direction.LONG, 1_000).event.position
    position = more_margin(exchange, opened, 500_000).event.position
    fall = IndexChange(idx=ARS, now_ms=3_000, offset_bps=-1_500)
    exchange.scripts.index_apply(fall, LEASE, OWNER)
    club = exchange.hot.instrument(ARS)
    assert club is not None
    passed = {"id": club.last_tick_id, "s": club.seq}
    exchange.client.hset(exchange.keys.watch(ARS), mapping=passed)
    at_mark_e4 = 2 * (position.entry_px - club.mark_px) - position.margin_e4

    refused = more_margin(exchange, position, at_mark_e4)
    allowed = more_margin(exchange, position, at_mark_e4 + 2)

    assert refused == Refused(Refusal.INSUFFICIENT_MARGIN, {"liquidation_px": club.mark_px})
    assert isinstance(allowed, Happened)
