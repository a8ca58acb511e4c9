"""Cases of orders that wait: put off by trade_execute, filed and closed by scripts of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.orders import (
    PENDING_MAX,
    DelayedOrder,
    OrderStatus,
    TradeTerms,
    given_back,
)
from touchline.domain.pushes import OrderPush
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import (
    Accepted,
    Awaited,
    Delayed,
    Filled,
    OrderDone,
    Replayed,
    TradeCommand,
)
from touchline.store.keys import portfolio_channel
from touchline.store.order_kinds import order_from, released
from touchline.store.wire import decode_portfolio

from tests.fakes.exchange import ANN, ARS, BOB
from tests.fakes.waiting import ACCEPTED_MS, RELEASE_MS, Waiting

pytestmark = pytest.mark.external

HALTED = Refused(Refusal.MARKET_HALTED, {"halt": 4, "phase": "live"})


@pytest.fixture
def exchange(client: redis_module.Redis) -> Iterator[Waiting]:
    exchange = Waiting(client)
    yield exchange
    exchange.prove()


def carried_out(exchange: Waiting, order: DelayedOrder) -> Any:
    return exchange.scripts.execute([released(order, None, RELEASE_MS)])[0]


def done(exchange: Waiting, order: DelayedOrder, refused: Refused | None = None) -> Any:
    return exchange.scripts.orders_done([OrderDone(order, refused, RELEASE_MS)])[0]


@pytest.mark.parametrize("phase", Phase)
def test_an_order_is_put_off_in_play_alone_and_changes_nothing(
    exchange: Waiting, phase: Phase
) -> None:
    exchange.move(phase=phase)
    before = exchange.dump()

    [outcome] = exchange.scripts.execute([exchange.delayed(Side.BUY, 1_000)])

    if phase in (Phase.LIVE, Phase.BREAK):
        # 100.3051 for a share, a fee of 0.1004, and a twentieth more.
        assert outcome == Delayed(1_054_258)
        assert exchange.dump() == before
    else:
        assert isinstance(outcome, Filled)


def test_an_order_without_a_delay_is_filled_in_play(exchange: Waiting) -> None:
    assert isinstance(exchange.place(Side.BUY, 1_000, delay_ms=0), Filled)


@pytest.mark.parametrize(
    ("side", "qty", "changes", "code"),
    [
        (Side.BUY, 1_000, {"idx": InstrumentIdx(9)}, Refusal.INSTRUMENT_UNKNOWN),
        (Side.BUY, 12_501, {}, Refusal.QUANTITY_LIMIT_EXCEEDED),
        (Side.BUY, 1_000, {"bound_px": 1_000_000}, Refusal.PRICE_BOUND_EXCEEDED),
        (Side.BUY, 1_000, {"user": BOB}, Refusal.INSUFFICIENT_FUNDS),
        (Side.SELL, 1, {}, Refusal.INSUFFICIENT_SHARES),
    ],
)
def test_what_would_be_refused_now_is_refused_now(
    exchange: Waiting, side: Side, qty: int, changes: dict[str, Any], code: Refusal
) -> None:
    outcome = exchange.place(side, qty, **changes)

    assert isinstance(outcome, Refused)
    assert outcome.code is code
    assert exchange.waiting() == []


def test_an_order_that_waits_is_kept_with_its_keys_and_told_of(exchange: Waiting) -> None:
    with exchange.client.pubsub() as pubsub:
        pubsub.subscribe(portfolio_channel(ANN))
        pubsub.get_message(timeout=1)
        outcome = exchange.place(
            Side.BUY, 1_500, trade_id="t", idem_key="k", client_order_id="c", bound_px=1_010_000
        )
        push = pubsub.get_message(timeout=1)

    assert isinstance(outcome, Accepted)
    order = outcome.order
    assert order == DelayedOrder(
        order_id="t",
        user=ANN,
        idx=ARS,
        terms=TradeTerms(Side.BUY, 1_500, None, 1_010_000),
        idem_key="k",
        fingerprint="fp",
        client_order_id="c",
        accepted_ms=ACCEPTED_MS,
        release_ms=RELEASE_MS,
        reserved_e4=1_581_425,
    )
    assert exchange.record(order) == order
    assert exchange.client.zscore(exchange.keys.pending_orders, "t") == RELEASE_MS
    assert exchange.client.smembers(exchange.keys.pending_of(ANN)) == {"t"}
    assert exchange.client.get(exchange.keys.coid(ANN, "c")) == "t"
    for key in (exchange.keys.idem(ANN, "k"), exchange.keys.coid(ANN, "c")):
        assert 86_000 < exchange.client.ttl(key) <= 86_400
    assert exchange.client.ttl(exchange.keys.order("t")) == -1
    assert exchange.facts()[-1] == outcome.entry
    turn = str(len(exchange.facts()))
    assert outcome.entry == exchange.client.hgetall("{m}order:t") | {"turn": turn}
    event = decode_portfolio(push["data"])
    assert event is not None
    assert (event.name, event.push) == ("order_pending", OrderPush(order, "ARS"))


def test_an_order_repeated_while_it_waits_waits_once(exchange: Waiting) -> None:
    order = exchange.pending(idem_key="k")
    before = exchange.dump()

    again = exchange.place(Side.BUY, 1_000, idem_key="k")
    filed_again = exchange.file(exchange.delayed(Side.BUY, 1_000, idem_key="k"))

    assert again == filed_again == Awaited(order)
    assert exchange.dump() == before


def test_a_trade_made_between_the_two_scripts_is_what_the_second_answers(exchange: Waiting) -> None:
    made = exchange.place(Side.BUY, 1_000, idem_key="k", delay_ms=0)
    assert isinstance(made, Filled)

    filed = exchange.file(exchange.delayed(Side.BUY, 1_000, idem_key="k"))

    assert filed == Replayed(made.fill)


@pytest.mark.parametrize("by_second_script", [False, True])
def test_keys_of_an_order_that_waits_are_taken(exchange: Waiting, by_second_script: bool) -> None:
    exchange.pending(idem_key="k", client_order_id="c")

    def send(command: TradeCommand) -> Any:
        if by_second_script:
            return exchange.file(command)
        return exchange.scripts.execute([command])[0]

    other_body = send(exchange.delayed(Side.BUY, 1_000, idem_key="k", fingerprint="other"))
    same_name = send(exchange.delayed(Side.BUY, 1_000, client_order_id="c"))

    assert other_body == Refused(Refusal.IDEMPOTENCY_KEY_REUSED)
    assert same_name == Refused(Refusal.CLIENT_ORDER_ID_REUSED)


def test_fifty_orders_of_a_user_may_wait_and_one_more_when_one_is_done(exchange: Waiting) -> None:
    exchange.fund(BOB)
    orders = [exchange.pending(qty=1) for _ in range(PENDING_MAX)]

    refused = exchange.place(Side.BUY, 1)
    others = exchange.place(Side.BUY, 1, user=BOB)
    done(exchange, orders[0], HALTED)
    next_one = exchange.place(Side.BUY, 1)

    assert refused == Refused(Refusal.TOO_MANY_PENDING_ORDERS)
    assert isinstance(others, Accepted)
    assert isinstance(next_one, Accepted)


def test_an_order_that_was_carried_out_is_filled_and_its_record_fades(exchange: Waiting) -> None:
    order = exchange.pending(client_order_id="c")

    filled = carried_out(exchange, order)
    kept_until_done = exchange.client.ttl(exchange.keys.idem(ANN, order.release_key))
    status = done(exchange, order)

    assert isinstance(filled, Filled)
    assert (filled.fill.trade_id, filled.fill.client_order_id) == (order.order_id, "c")
    assert kept_until_done == -1
    assert status is OrderStatus.FILLED
    closed = replace(order, status=OrderStatus.FILLED, done_ms=RELEASE_MS)
    assert exchange.record(order) == closed
    assert exchange.facts()[-1]["st"] == "filled"
    assert exchange.waiting() == []
    assert exchange.client.smembers(exchange.keys.pending_of(ANN)) == set()
    assert 3_500 < exchange.client.ttl(exchange.keys.order(order.order_id)) <= 3_600
    assert 86_000 < exchange.client.ttl(exchange.keys.idem(ANN, order.release_key)) <= 86_400


def test_an_order_that_is_rejected_says_why_and_cannot_be_carried_out(exchange: Waiting) -> None:
    order = exchange.pending()
    money = exchange.hot.wallet(ANN)
    with exchange.client.pubsub() as pubsub:
        pubsub.subscribe(portfolio_channel(ANN))
        pubsub.get_message(timeout=1)
        status = done(exchange, order, HALTED)
        push = pubsub.get_message(timeout=1)

    late = carried_out(exchange, order)

    rejected = replace(order, status=OrderStatus.REJECTED, refused=HALTED, done_ms=RELEASE_MS)
    assert status is OrderStatus.REJECTED
    assert exchange.record(order) == rejected
    assert late == Refused(Refusal.SETTLED)
    assert exchange.hot.wallet(ANN) == given_back(order, money)
    event = decode_portfolio(push["data"])
    assert event is not None
    assert (event.name, event.push) == ("order_rejected", OrderPush(rejected, "ARS"))


def test_a_rejection_that_comes_too_late_finds_the_order_filled(exchange: Waiting) -> None:
    order = exchange.pending()
    carried_out(exchange, order)

    status = done(exchange, order, HALTED)

    assert status is OrderStatus.FILLED
    assert exchange.record(order).refused is None


def test_a_record_is_closed_once(exchange: Waiting) -> None:
    order = exchange.pending()
    done(exchange, order, HALTED)
    before = exchange.dump()

    again = [done(exchange, order, HALTED), done(exchange, order)]

    assert again == [Refused(Refusal.SETTLED)] * 2
    assert exchange.dump() == before


def test_the_keys_of_an_order_answer_alike_after_it_is_done(exchange: Waiting) -> None:
    order = exchange.pending(idem_key="k", client_order_id="c")
    exchange.halt()
    exchange.release()

    again = exchange.place(Side.BUY, 1_000, idem_key="k")
    same_name = exchange.place(Side.BUY, 1_000, client_order_id="c")

    assert again == Awaited(order)
    assert same_name == Refused(Refusal.CLIENT_ORDER_ID_REUSED)


def test_an_order_is_carried_out_as_it_was_asked_for(exchange: Waiting) -> None:
    terms = TradeTerms(Side.BUY, None, 2_500_000, None)
    command = exchange.delayed(Side.BUY, 2_400, bound_px=1_010_000, asked=terms)

    order = order_from(command, exchange.run(command))

    assert (order.terms, order.reserved_e4) == (terms, 2_500_000)
    released_at = exchange.hot.instrument(ARS)
    sized_anew = released(order, released_at, RELEASE_MS)
    assert (sized_anew.qty, sized_anew.now_ms, sized_anew.delay_ms) == (2_489, RELEASE_MS, 0)


def test_a_halt_stops_orders_before_they_can_wait(exchange: Waiting) -> None:
    exchange.halt(Halt.EVENT)

    assert exchange.place(Side.BUY, 1_000) == HALTED
