"""An order that waits cannot be cancelled, so nothing its owner does without waiting may do it."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_module
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Phase
from touchline.domain.opening import POSITIONS_MAX, OpenOrder
from touchline.domain.orders import DelayedOrder, OrderStatus, TradeTerms
from touchline.domain.positions import Direction
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, Filled
from touchline.store.position_commands import (
    Happened,
    MarginCommand,
    OpenCommand,
    PositionKey,
)

from tests.fakes.exchange import ANN, ARS, BOB, EVE
from tests.fakes.waiting import ACCEPTED_MS, DELAY_MS, Waiting

pytestmark = pytest.mark.external

CHEAP = 2_000  #: of 1e-4 coin: less than one unit of a share costs


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Iterator[Waiting]:
    exchange = calm(redis)
    yield exchange
    exchange.prove()


def calm(redis: redis_module.Redis) -> Waiting:
    """ARS is in play, EVE is not."""
    exchange = Waiting(redis)
    exchange.move(EVE, phase=Phase.SCHEDULED)
    return exchange


def opening(
    exchange: Waiting, idx: Any, qty: int, leverage: int, side: Direction = Direction.LONG
) -> OpenCommand:
    order = OpenOrder(
        position_id=exchange.new_id(), user=ANN, idx=idx, side=side, qty=qty, leverage=leverage
    )
    return OpenCommand(order, exchange.new_id(), "fp", None, ACCEPTED_MS, delay_ms=DELAY_MS)


def opened(exchange: Waiting, qty: int, leverage: int) -> PositionKey:
    """A position of Ann's in EVE, which is not in play."""
    outcome = exchange.run(opening(exchange, EVE, qty, leverage))
    assert isinstance(outcome, Happened), outcome
    return PositionKey(outcome.event.position.id, ANN, EVE)


def put(exchange: Waiting, where: PositionKey, amount_e4: int) -> Any:
    """Margin added, which costs nothing and does not wait: it can be undone the moment after."""
    key = exchange.new_id()
    return exchange.run(MarginCommand(key, where, amount_e4, key, "fp", ACCEPTED_MS))


def filed(exchange: Waiting, command: OpenCommand) -> DelayedOrder:
    outcome = exchange.send(command)
    assert isinstance(outcome, Accepted), outcome
    return outcome.order


def status(exchange: Waiting, order: DelayedOrder) -> OrderStatus:
    return exchange.record(order).status


def hideouts(exchange: Waiting) -> list[PositionKey]:
    """Positions whose margins have room for all of Ann's money."""
    return [opened(exchange, 40_000, 10) for _ in range(3)]


def drained(exchange: Waiting, positions: list[PositionKey]) -> None:
    """All that is free put into the margins of *positions*, to the last unit."""
    for where in positions:
        position, free_e4 = exchange.hot.position(where.id), exchange.hot.wallet(ANN).free_e4
        assert position is not None
        amount_e4 = min(position.open_value_e4 - position.margin_e4, free_e4)
        assert amount_e4 == 0 or isinstance(put(exchange, where, amount_e4), Happened)
    one_more = put(exchange, positions[-1], 1)
    details = {"required_e4": 1, "available_e4": 0}
    assert one_more == Refused(Refusal.INSUFFICIENT_FUNDS, details)


def test_money_put_into_margin_does_not_take_back_a_purchase(exchange: Waiting) -> None:
    positions = hideouts(exchange)
    order = exchange.pending(Side.BUY, 12_500)

    drained(exchange, positions)
    exchange.release()

    assert status(exchange, order) is OrderStatus.FILLED


def test_a_purchase_elsewhere_does_not_take_back_an_opening(exchange: Waiting) -> None:
    order = filed(exchange, opening(exchange, ARS, 12_500, 1))
    while isinstance(exchange.order(Side.BUY, 2_000, idx=EVE), Filled):
        pass
    while isinstance(exchange.order(Side.BUY, 1, idx=EVE), Filled):
        pass
    assert exchange.hot.wallet(ANN).free_e4 < CHEAP

    exchange.release()

    assert status(exchange, order) is OrderStatus.FILLED


def test_tiny_positions_elsewhere_do_not_take_back_an_opening(exchange: Waiting) -> None:
    order = filed(exchange, opening(exchange, ARS, 12_500, 5))
    for _ in range(POSITIONS_MAX - 1):
        opened(exchange, 1, 1)

    one_too_many = exchange.run(opening(exchange, EVE, 1, 1))
    exchange.release()

    assert one_too_many == Refused(Refusal.TOO_MANY_POSITIONS, {"limit_positions": POSITIONS_MAX})
    assert status(exchange, order) is OrderStatus.FILLED
    assert len(exchange.hot.positions(ANN)) == POSITIONS_MAX


def test_what_waits_to_be_opened_counts_for_what_would_wait_too(exchange: Waiting) -> None:
    for _ in range(POSITIONS_MAX):
        filed(exchange, opening(exchange, ARS, 1, 1))

    refused = exchange.send(opening(exchange, ARS, 1, 1))
    filed_late = exchange.file(opening(exchange, ARS, 1, 1))
    exchange.release()

    assert refused == Refused(Refusal.TOO_MANY_POSITIONS, {"limit_positions": POSITIONS_MAX})
    assert isinstance(filed_late, Accepted)  # with nothing set aside it counts as none
    assert len(exchange.hot.positions(ANN)) == POSITIONS_MAX


def test_a_little_order_ahead_does_not_take_back_the_one_behind_it(exchange: Waiting) -> None:
    """It makes the one behind dearer by some units, which would be too much if none were left."""
    positions = hideouts(exchange)
    exchange.pending(Side.BUY, 20, now_ms=ACCEPTED_MS - 1)
    order = exchange.pending(Side.BUY, 12_500)

    drained(exchange, positions)
    exchange.release()

    assert status(exchange, order) is OrderStatus.FILLED


def test_an_order_for_an_amount_is_not_taken_back_by_a_price_that_fits_it_better(
    exchange: Waiting,
) -> None:
    positions = hideouts(exchange)
    asked = TradeTerms(Side.BUY, None, 2_500_000, None)
    order = exchange.pending(Side.BUY, 2_400, asked=asked)
    assert order.reserved_e4 == 2_500_000

    drained(exchange, positions)
    exchange.move(offset_bps=-371)
    exchange.release()

    assert status(exchange, order) is OrderStatus.FILLED


def test_all_of_ones_money_can_be_spent_by_an_amount_and_not_by_shares(exchange: Waiting) -> None:
    exchange.fund(BOB, 12_600_000)
    amount = TradeTerms(Side.BUY, None, 12_600_000, None)

    by_shares = exchange.place(Side.BUY, 12_500, user=BOB)
    by_amount = exchange.place(Side.BUY, 12_500, user=BOB, asked=amount)

    # 1,254.5338 and a fee of 1.2546 as in docs/market.md, and a twentieth more.
    assert by_shares == Refused(
        Refusal.INSUFFICIENT_FUNDS, {"required_e4": 13_185_779, "available_e4": 12_600_000}
    )
    assert isinstance(by_amount, Accepted)


def test_two_orders_at_once_cannot_set_the_same_money_aside(exchange: Waiting) -> None:
    exchange.fund(BOB, 20_000_000)
    commands = [exchange.delayed(Side.BUY, 12_500, user=BOB) for _ in range(2)]
    put_off = exchange.scripts.execute(commands)

    first, second = (
        exchange.file(command, why)  # type: ignore[arg-type]
        for command, why in zip(commands, put_off, strict=True)
    )

    assert isinstance(first, Accepted)
    assert second == Refused(
        Refusal.INSUFFICIENT_FUNDS,
        {"required_e4": 13_185_779, "available_e4": 20_000_000 - 13_185_779},
    )


def test_orders_released_together_each_have_what_they_set_aside(exchange: Waiting) -> None:
    positions = hideouts(exchange)
    orders = [exchange.pending(Side.BUY, 12_500) for _ in range(6)]

    drained(exchange, positions)
    exchange.release()

    assert {status(exchange, order) for order in orders} == {OrderStatus.FILLED}
    assert exchange.hot.wallet(ANN).reserved_e4 == 0


def test_what_a_rejected_order_set_aside_is_free_again(exchange: Waiting) -> None:
    before = exchange.hot.wallet(ANN)
    for command in (exchange.delayed(Side.BUY, 12_500), opening(exchange, ARS, 12_500, 5)):
        exchange.send(command)
    assert exchange.hot.wallet(ANN).reserved_positions == 1
    exchange.halt()

    exchange.release()

    assert exchange.hot.wallet(ANN) == before


_SIDES = st.sampled_from([Direction.LONG, Direction.SHORT])
_STEPS = st.one_of(
    st.tuples(st.just("buys"), st.sampled_from([1, 900, 12_500])),
    st.tuples(st.just("spends"), st.sampled_from([10_000, 1_234_567, 12_000_000])),
    st.tuples(st.just("opens"), _SIDES, st.sampled_from([1, 900, 12_500]), st.integers(1, 5)),
    st.tuples(st.just("shops"), st.sampled_from([1, 7_000, 50_000])),
    st.tuples(st.just("adds"), st.integers(1, 40), st.integers(1, 10)),
    st.tuples(st.just("moves_margin"), st.sampled_from([0, 1, 1_000_000])),
    st.just(("closes",)),
    st.just(("releases",)),
)


@settings(max_examples=40)
@given(steps=st.lists(_STEPS, min_size=5, max_size=30))
def test_nothing_done_elsewhere_makes_an_order_fail_for_want_of_money_or_room(
    redis: redis_module.Redis, steps: list[tuple[Any, ...]]
) -> None:
    redis.flushdb()
    schemer = Schemer(calm(redis))

    for name, *details in steps:
        getattr(schemer, name)(*details)
        schemer.exchange.prove()  # also that what is set aside is the sum over what waits
    schemer.moves_margin(0)
    schemer.releases()

    wallet = schemer.exchange.hot.wallet(ANN)
    assert (wallet.reserved_e4, wallet.reserved_positions) == (0, 0)


class Schemer:
    """Ann, who has orders wait in ARS and does whatever does not wait in EVE."""

    def __init__(self, exchange: Waiting) -> None:
        self.exchange = exchange
        self.orders: list[DelayedOrder] = []
        self.positions: list[PositionKey] = []

    def buys(self, qty: int) -> None:
        self._wait(self.exchange.place(Side.BUY, qty))

    def spends(self, notional_e4: int) -> None:
        asked = TradeTerms(Side.BUY, None, notional_e4, None)
        qty = notional_e4 // 1_050
        self._wait(self.exchange.place(Side.BUY, qty, asked=asked))

    def opens(self, side: Direction, qty: int, leverage: int) -> None:
        self._wait(self.exchange.send(opening(self.exchange, ARS, qty, leverage, side)))

    def shops(self, qty: int) -> None:
        self.exchange.order(Side.BUY, qty, idx=EVE)

    def adds(self, qty: int, count: int) -> None:
        for _ in range(count):
            outcome = self.exchange.run(opening(self.exchange, EVE, 1_000 * qty, 10))
            if isinstance(outcome, Happened):
                self.positions.append(PositionKey(outcome.event.position.id, ANN, EVE))

    def moves_margin(self, left_e4: int) -> None:
        """As much as goes out of what is free, but for *left_e4*."""
        for where in self.positions:
            position = self.exchange.hot.position(where.id)
            assert position is not None
            room_e4 = position.open_value_e4 - position.margin_e4
            free_e4 = self.exchange.hot.wallet(ANN).free_e4 - left_e4
            put(self.exchange, where, max(0, min(room_e4, free_e4)))

    def closes(self) -> None:
        held = self.exchange.hot.holdings(ANN).get(EVE)
        if held:
            self.exchange.order(Side.SELL, held.qty, idx=EVE)

    def releases(self) -> None:
        self.exchange.release()
        for order in self.orders:
            refused = self.exchange.record(order).refused
            # Money, and positions open; not what one may have of a club, which waits like this.
            assert refused is None or refused.code not in (
                Refusal.INSUFFICIENT_FUNDS,
                Refusal.INSUFFICIENT_MARGIN,
                Refusal.TOO_MANY_POSITIONS,
            )
        self.orders.clear()

    def _wait(self, outcome: Any) -> None:
        assert isinstance(outcome, Accepted | Refused), outcome
        if isinstance(outcome, Accepted):
            self.orders.append(outcome.order)
