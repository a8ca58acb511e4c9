"""order_accept.lua and order_done.lua against their pure twins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Phase
from touchline.domain.ids import TREASURY
from touchline.domain.opening import POSITIONS_MAX
from touchline.domain.orders import (
    PENDING_MAX,
    DelayedOrder,
    OpenTerms,
    OrderStatus,
    Terms,
    TradeTerms,
    accept,
    delay_now_ms,
    done,
    given_back,
)
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import NO_STOPS, Direction
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, AcceptOrder, Delayed, Filled, OrderDone
from touchline.store.order_kinds import released
from touchline.store.order_wire import order_entry
from touchline.store.position_commands import Happened

from tests.fakes.exchange import ANN, ARS, wallet_fields
from tests.fakes.waiting import Waiting

pytestmark = pytest.mark.external

WITH_REDIS = settings(max_examples=60)
INSTANT = st.integers(0, 2**43)
MONEY = st.integers(1, 9 * 10**15)
#: Whatever may be in a name, and what JSON and Lua might trip over.
TEXTS = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=20)


TRADES = st.builds(
    TradeTerms, st.sampled_from(Side), st.integers(1, 10**7), st.none(), st.none() | MONEY
) | st.builds(TradeTerms, st.sampled_from(Side), st.none(), MONEY, st.none() | MONEY)
OPENS = st.builds(
    OpenTerms,
    st.sampled_from(Direction),
    st.integers(1, 10**7),
    st.integers(1, 10),
    st.none() | MONEY,
    st.just(NO_STOPS),
)
#: Free beside what others have set aside: about what this one needs, most often enough.
OFF = st.sampled_from([0, 0, 1, 10**9, -1])


@st.composite
def orders(draw: st.DrawFn) -> DelayedOrder:
    return DelayedOrder(
        order_id=draw(st.uuids()).hex,
        user=ANN,
        idx=ARS,
        terms=draw(TRADES | OPENS),
        idem_key=draw(TEXTS),
        fingerprint=draw(TEXTS),
        client_order_id=draw(st.none() | TEXTS),
        accepted_ms=draw(INSTANT),
        release_ms=draw(INSTANT),
        reserved_e4=draw(st.just(0) | st.integers(1, 10**12)),
    )


REFUSALS = st.none() | st.builds(
    Refused,
    st.sampled_from(Refusal),
    st.dictionaries(st.sampled_from(["limit_qty", "required_e4", "quoted_px"]), MONEY),
)


@WITH_REDIS
@given(
    order=orders(),
    waiting=st.integers(0, PENDING_MAX + 1),
    off_e4=OFF,
    reserved_e4=st.integers(0, 10**9),
    opening=st.integers(0, 2),
    positions=st.sampled_from([0, POSITIONS_MAX - 2, POSITIONS_MAX - 1, POSITIONS_MAX]),
)
def test_an_order_is_accepted_as_its_twin_accepts_it(
    client: redis_module.Redis,
    order: DelayedOrder,
    waiting: int,
    off_e4: int,
    reserved_e4: int,
    opening: int,
    positions: int,
) -> None:
    exchange = fresh(client)
    for number in range(waiting):
        exchange.client.sadd(exchange.keys.pending_of(ANN), f"other-{number}")
    for number in range(positions):
        exchange.client.sadd(exchange.keys.open_by_user(ANN), f"open-{number}")
    cash_e4 = reserved_e4 + order.reserved_e4 + off_e4
    wallet = Wallet(cash_e4, 0, 1, reserved_e4, opening)
    exchange.client.hset(exchange.keys.wallet(ANN), mapping=wallet_fields(wallet))
    expected = accept(order, waiting, wallet, positions)

    [outcome] = exchange.scripts.execute([AcceptOrder(order)])

    if isinstance(expected, Refused):
        assert outcome == expected
        assert not exchange.client.exists(exchange.keys.order(order.order_id))
        assert exchange.hot.wallet(ANN) == wallet
    else:
        assert isinstance(outcome, Accepted)
        assert outcome.order == exchange.record(order) == order
        assert exchange.hot.wallet(ANN) == expected
        turn = sum(map(int, exchange.client.hmget(exchange.keys.wallet(TREASURY), "v", "rec")))
        assert outcome.entry == order_entry(order) | {"turn": str(turn)}


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
    before = Wallet(10**13, 0, 1, 10**9, 1)
    exchange.client.hset(exchange.keys.wallet(ANN), mapping=wallet_fields(before))
    exchange.scripts.execute([AcceptOrder(order)])
    accepted = exchange.hot.wallet(ANN)
    if traded:
        trade = released(replace(order, terms=little(order.terms)), None, 3_000)
        assert isinstance(exchange.scripts.execute([trade])[0], Filled | Happened)
    expected = done(order, refused, traded, at_ms)

    first = close(exchange, order, refused, at_ms)
    closed = exchange.record(order)
    after = exchange.hot.wallet(ANN)
    second = close(exchange, order, again, at_ms + 1)

    assert aside(after) == aside(given_back(order, accepted)) == aside(before)
    assert exchange.hot.wallet(ANN) == after
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


def aside(wallet: Wallet) -> tuple[int, int]:
    return wallet.reserved_e4, wallet.reserved_positions


def little(terms: Terms) -> Terms:
    """Terms of the same kind that the market carries out."""
    if isinstance(terms, OpenTerms):
        return OpenTerms(Direction.LONG, 1, 1, None, NO_STOPS)
    return TradeTerms(Side.BUY, 1, None, None)


def fresh(client: redis_module.Redis) -> Waiting:
    return Waiting(client_of(client))


def client_of(client: Any) -> Any:
    client.flushdb()
    return client


def close(exchange: Waiting, order: DelayedOrder, refused: Refused | None, at_ms: int) -> Any:
    status = exchange.scripts.orders_done([OrderDone(order, refused, at_ms)])[0]
    assert status is not OrderStatus.PENDING
    return status
