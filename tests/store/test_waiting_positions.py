"""Positions that are opened and closed in play wait as orders do."""

from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import Halt
from touchline.domain.opening import OpenOrder
from touchline.domain.orders import CloseTerms, DelayedOrder, OpenTerms, OrderStatus, TradeTerms
from touchline.domain.positions import Direction, Position, Stops
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, Awaited, Delayed
from touchline.store.order_kinds import released
from touchline.store.position_commands import (
    CloseCommand,
    Happened,
    OpenCommand,
    PositionKey,
    StopsCommand,
)
from touchline.store.release import Release

from tests.fakes.exchange import ANN, ARS
from tests.fakes.failing import Meanwhile
from tests.fakes.snapshots import put, take
from tests.fakes.waiting import ACCEPTED_MS, DELAY_MS, RELEASE_MS, Waiting

STOPS = Stops(950_000, 1_050_000, 20_000)


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Any:
    exchange = Waiting(redis)
    yield exchange
    exchange.prove()


def opening(exchange: Waiting, **changes: Any) -> OpenCommand:
    order = OpenOrder(
        position_id=exchange.new_id(),
        user=ANN,
        idx=ARS,
        side=Direction.LONG,
        qty=1_000,
        leverage=5,
        stops=STOPS,
    )
    command = OpenCommand(order, exchange.new_id(), "fp", None, ACCEPTED_MS, delay_ms=DELAY_MS)
    return replace(command, **changes)


def closing(exchange: Waiting, position: Position, **changes: Any) -> CloseCommand:
    command = CloseCommand(
        event_id=exchange.new_id(),
        position=PositionKey(position.id, ANN, ARS),
        qty=None,
        bound_px=None,
        version=None,
        idem_key=exchange.new_id(),
        fingerprint="fp",
        now_ms=ACCEPTED_MS,
        delay_ms=DELAY_MS,
    )
    return replace(command, **changes)


def filed(exchange: Waiting, command: OpenCommand | CloseCommand) -> DelayedOrder:
    delayed = exchange.run(command)
    # A fifth of its value, 100.3051, and the fee of 0.1004; and a twentieth more.
    assert delayed == Delayed(211_696 if isinstance(command, OpenCommand) else 0)
    outcome = exchange.file(command, delayed)
    assert isinstance(outcome, Accepted), outcome
    return outcome.order


def test_a_position_is_opened_with_all_that_was_asked_when_its_wait_is_over(
    exchange: Waiting,
) -> None:
    order = filed(exchange, opening(exchange))

    early = exchange.release(RELEASE_MS - 1)
    late = exchange.release(RELEASE_MS)

    assert order.terms == OpenTerms(Direction.LONG, 1_000, 5, None, STOPS)
    assert (early.due, late.filled) == (0, 1)
    [position] = exchange.positions()
    assert (position.id, position.qty, position.stops) == (order.order_id, 1_000, STOPS)
    assert exchange.record(order).status is OrderStatus.FILLED


def test_the_same_request_waits_once(exchange: Waiting) -> None:
    command = opening(exchange)
    order = filed(exchange, command)

    again = exchange.run(command)

    assert again == Awaited(order)


def test_a_goal_in_the_wait_rejects_it(exchange: Waiting) -> None:
    order = filed(exchange, opening(exchange))
    exchange.halt(Halt.EVENT)

    exchange.release()

    record = exchange.record(order)
    assert record.status is OrderStatus.REJECTED
    assert record.refused is not None
    assert record.refused.code is Refusal.MARKET_HALTED
    assert exchange.positions() == []


def test_a_position_is_closed_once_however_often_its_order_is_released(exchange: Waiting) -> None:
    exchange.run(opening(exchange, delay_ms=0))
    [position] = exchange.positions()
    order = filed(exchange, closing(exchange, position))
    exchange.run(
        replace(
            closing(exchange, position),
            event_id=order.order_id,
            idem_key=order.release_key,
            delay_ms=0,
            waited=True,
        )
    )

    exchange.release()

    assert order.terms == CloseTerms(position.id, None, None, None)
    assert exchange.record(order).status is OrderStatus.FILLED
    assert exchange.position(position.id).number == 2


@pytest.mark.parametrize("closes", [False, True])
def test_what_was_carried_out_is_remembered_until_its_record_is_closed(
    exchange: Waiting, closes: bool
) -> None:
    command: Any = opening(exchange)
    if closes:
        exchange.run(opening(exchange, delay_ms=0))
        command = closing(exchange, exchange.positions()[0])
    order = filed(exchange, command)
    key = exchange.keys.idem(ANN, order.release_key)

    done = exchange.run(released(order, None, RELEASE_MS))
    kept_until_done = exchange.client.ttl(key)
    exchange.release()

    assert isinstance(done, Happened)
    assert kept_until_done == -1
    assert 86_000 < exchange.client.ttl(key) <= 86_400


def test_a_stop_met_in_the_wait_comes_first(exchange: Waiting) -> None:
    exchange.run(opening(exchange, delay_ms=0))
    [position] = exchange.positions()
    order = filed(exchange, closing(exchange, position))
    exchange.move(offset_bps=-600)

    exchange.release()

    closed = exchange.position(position.id)
    assert closed.reason is not None
    assert closed.reason.value == "trailing_stop"
    assert exchange.record(order).refused == Refused(
        Refusal.POSITION_CLOSED, {"reason": "trailing_stop"}
    )


def test_a_stop_fires_without_waiting(exchange: Waiting) -> None:
    exchange.run(opening(exchange, delay_ms=0))
    [position] = exchange.positions()
    exchange.move(offset_bps=-600)

    exchange.scanner.check(PositionKey(position.id, ANN, ARS))

    assert exchange.position(position.id).qty == 0


def test_a_close_that_waits_is_not_taken_back_by_moving_a_stop(exchange: Waiting) -> None:
    exchange.run(opening(exchange, delay_ms=0))
    [position] = exchange.positions()
    order = filed(exchange, closing(exchange, position, version=1))
    where = PositionKey(position.id, ANN, ARS)
    moved = exchange.run(
        StopsCommand(exchange.new_id(), where, 1, 951_000, None, None, ACCEPTED_MS)
    )

    exchange.release()

    assert isinstance(moved, Happened)
    assert exchange.record(order).status is OrderStatus.FILLED
    assert exchange.position(position.id).qty == 0


@pytest.mark.parametrize("kind", ["trade", "amount", "open", "close"])
def test_an_order_that_is_lost_meanwhile_is_not_carried_out(exchange: Waiting, kind: str) -> None:
    """Whoever was frozen while Redis lost it, and was put back, makes nothing of it."""
    position = exchange.open(Direction.LONG, 1_000).event.position
    before = take(exchange.client)
    amount = TradeTerms(Side.BUY, None, 2_000_000, None)
    command: Any = {
        "trade": exchange.delayed(Side.BUY, 1_000),
        "amount": exchange.delayed(Side.BUY, 1_000, asked=amount),
        "open": opening(exchange),
        "close": closing(exchange, position),
    }[kind]
    assert isinstance(exchange.send(command), Accepted)

    scripts: Any = Meanwhile(exchange.scripts, "execute", lambda: put(exchange.client, before))
    released = Release(exchange.orders, exchange.hot, scripts, exchange.scanner).run(
        RELEASE_MS, lambda: True
    )

    assert (released.trades, released.found_closed) == (0, 1)
    assert take(exchange.client).keys() == before.keys()
