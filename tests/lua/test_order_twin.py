"""order_accept.lua and order_done.lua against their pure twins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Phase
from touchline.domain.orders import (
    PENDING_MAX,
    DelayedOrder,
    OrderStatus,
    TradeTerms,
    accept,
    delay_now_ms,
    done,
)
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, AcceptOrder, Delayed, Filled, OrderDone
from touchline.store.order_kinds import released
from touchline.store.order_wire import order_entry

from tests.fakes.exchange import ANN, ARS
from tests.fakes.waiting import Waiting

pytestmark = pytest.mark.external

WITH_REDIS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
INSTANT = st.integers(0, 2**43)
MONEY = st.integers(1, 9 * 10**15)
#: Whatever may be in a name, and what JSON and Lua might trip over.
TEXTS = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=20)


@st.composite
def orders(draw: st.DrawFn) -> DelayedOrder:
    for_amount = draw(st.booleans())
    return DelayedOrder(
        order_id=draw(st.uuids()).hex,
        user=ANN,
        idx=ARS,
        terms=TradeTerms(
            draw(st.sampled_from(Side)),
            None if for_amount else draw(st.integers(1, 10**7)),
            draw(MONEY) if for_amount else None,
            draw(st.none() | MONEY),
        ),
        idem_key=draw(TEXTS),
        fingerprint=draw(TEXTS),
        client_order_id=draw(st.none() | TEXTS),
        accepted_ms=draw(INSTANT),
        release_ms=draw(INSTANT),
    )


REFUSALS = st.none() | st.builds(
    Refused,
    st.sampled_from(Refusal),
    st.dictionaries(st.sampled_from(["limit_qty", "required_e4", "quoted_px"]), MONEY),
)


@WITH_REDIS
@given(order=orders(), waiting=st.integers(0, PENDING_MAX + 1))
def test_an_order_is_accepted_as_its_twin_accepts_it(
    client: redis_module.Redis, order: DelayedOrder, waiting: int
) -> None:
    exchange = fresh(client)
    for number in range(waiting):
        exchange.client.sadd(exchange.keys.pending_of(ANN), f"other-{number}")
    expected = accept(order, waiting)

    [outcome] = exchange.scripts.execute([AcceptOrder(order)])

    if isinstance(expected, Refused):
        assert outcome == expected
        assert not exchange.client.exists(exchange.keys.order(order.order_id))
    else:
        assert isinstance(outcome, Accepted)
        assert outcome.order == exchange.record(order) == expected
        assert dict(outcome.entry) == order_entry(order)


@WITH_REDIS
@given(order=orders(), refused=REFUSALS, traded=st.booleans(), again=REFUSALS, at_ms=INSTANT)
def test_an_order_is_closed_as_its_twin_closes_it(
    client: redis_module.Redis,
    order: DelayedOrder,
    refused: Refused | None,
    traded: bool,
    again: Refused | None,
    at_ms: int,
) -> None:
    exchange = fresh(client)
    exchange.scripts.execute([AcceptOrder(order)])
    if traded:
        exchange.fund(ANN)
        terms = TradeTerms(Side.BUY, 1, None, None)
        trade = released(replace(order, terms=terms), None, 3_000)
        assert isinstance(exchange.scripts.execute([trade])[0], Filled)
    expected = done(order, refused, traded, at_ms)

    first = close(exchange, order, refused, at_ms)
    closed = exchange.record(order)
    second = close(exchange, order, again, at_ms + 1)

    assert first is expected.status
    assert closed == expected
    assert second == Refused(Refusal.SETTLED)
    assert exchange.record(order) == done(expected, again, traded, at_ms + 1) == expected


@WITH_REDIS
@given(phase=st.sampled_from(Phase), delay_ms=st.sampled_from([0, 1, 5_000]))
def test_an_order_waits_where_its_twin_says_so(
    client: redis_module.Redis, phase: Phase, delay_ms: int
) -> None:
    exchange = Waiting(client_of(client))
    exchange.move(phase=phase)
    instrument = exchange.hot.instrument(ARS)
    assert instrument is not None

    [outcome] = exchange.scripts.execute([exchange.delayed(Side.BUY, 1, delay_ms=delay_ms)])

    assert isinstance(outcome, Delayed) == (delay_now_ms(instrument, delay_ms) > 0)


def fresh(client: redis_module.Redis) -> Waiting:
    return Waiting(client_of(client))


def client_of(client: Any) -> Any:
    client.flushdb()
    return client


def close(exchange: Waiting, order: DelayedOrder, refused: Refused | None, at_ms: int) -> Any:
    status = exchange.scripts.orders_done([OrderDone(order, refused, at_ms)])[0]
    assert status is not OrderStatus.PENDING
    return status
