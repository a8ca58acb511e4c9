"""The release of waiting orders: once, at the price of then, whatever dies or runs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis as redis_module
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import UserId
from touchline.domain.orders import DelayedOrder, OrderStatus, TradeTerms
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, Filled
from touchline.store.release import BATCH, Release, Released

from tests.fakes.exchange import ANN, BOB, EVE
from tests.fakes.failing import Countdown, Killed, Meanwhile
from tests.fakes.waiting import ACCEPTED_MS, DELAY_MS, RELEASE_MS, Waiting

pytestmark = pytest.mark.external


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Iterator[Waiting]:
    exchange = Waiting(redis)
    yield exchange
    prove(exchange)


def prove(exchange: Waiting) -> None:
    """Money is conserved; every order traded once or not at all, and its record says which."""
    exchange.prove()
    traded = exchange.trades()
    assert len(set(traded)) == len(traded)
    waiting = set(exchange.waiting())
    owned: set[str] = set()
    for user in (ANN, BOB):
        owned |= exchange.client.smembers(exchange.keys.pending_of(user))
    assert owned == waiting
    for key in exchange.client.scan_iter(exchange.keys.order("*")):
        fields = exchange.client.hgetall(key)
        if fields["st"] == "filled":
            assert fields["id"] in traded
        if fields["st"] == "rejected":
            assert fields["id"] not in traded
        assert (fields["st"] == "pending") == (fields["id"] in waiting)


def test_an_order_is_filled_at_the_price_of_its_release(exchange: Waiting) -> None:
    order = exchange.pending(qty=10_000)
    exchange.move(offset_bps=200)

    early = exchange.release(RELEASE_MS - 1)
    released = exchange.release(RELEASE_MS)

    assert early == Released(waiting=1)
    assert released == Released(filled=1, trades=1, due=1)
    fact = exchange.facts()[-2]
    assert (fact["id"], fact["at"], fact["idem"]) == (order.order_id, "7000", order.release_key)
    assert int(fact["px"]) > 1_020_000
    assert exchange.record(order).status is OrderStatus.FILLED


@pytest.mark.parametrize(
    ("happens", "bound_px", "code"),
    [
        (lambda market: market.halt(), None, Refusal.MARKET_HALTED),
        (lambda market: market.move(offset_bps=200), 1_010_000, Refusal.PRICE_BOUND_EXCEEDED),
        (
            # What was set aside is too little, and nothing else is left.
            lambda market: (
                market.place(Side.BUY, 46_000, idx=EVE, delay_ms=0),
                market.move(offset_bps=900),
            ),
            None,
            Refusal.INSUFFICIENT_FUNDS,
        ),
    ],
    ids=["halt", "price", "funds"],
)
def test_what_happens_during_the_delay_can_reject_the_order(
    exchange: Waiting, happens: Any, bound_px: int | None, code: Refusal
) -> None:
    exchange.move(EVE, phase=Phase.SCHEDULED)
    orders = [exchange.pending(qty=12_500, bound_px=bound_px) for _ in range(4)]
    happens(exchange)

    exchange.release()

    last = exchange.record(orders[-1])
    assert last.status is OrderStatus.REJECTED
    assert last.refused is not None
    assert last.refused.code is code
    assert exchange.waiting() == []


def test_orders_are_released_oldest_first(exchange: Waiting) -> None:
    late = exchange.pending(now_ms=ACCEPTED_MS + 1)
    early = exchange.pending()

    exchange.release(RELEASE_MS + 1)

    assert exchange.trades() == [early.order_id, late.order_id]


def test_an_order_for_an_amount_is_sized_at_its_release(exchange: Waiting) -> None:
    amount = TradeTerms(Side.BUY, None, 2_500_000, None)
    order = exchange.pending(qty=2_400, asked=amount)
    exchange.move(offset_bps=-500)

    exchange.release()

    fact = exchange.facts()[-2]
    assert (fact["id"], exchange.record(order).status) == (order.order_id, OrderStatus.FILLED)
    spent = int(fact["val"]) + int(fact["fee"])
    assert 2_500_000 - 1_000 < spent <= 2_500_000


def test_an_order_for_an_amount_that_the_price_outruns_is_sized_anew(exchange: Waiting) -> None:
    exchange.fund(BOB)
    exchange.pending(qty=2_400, asked=TradeTerms(Side.BUY, None, 2_500_000, None))

    def somebody_buys() -> None:
        assert isinstance(exchange.place(Side.BUY, 12_500, user=BOB, delay_ms=0), Filled)

    scripts: Any = Meanwhile(exchange.scripts, "execute", somebody_buys)
    released = Release(exchange.orders, exchange.hot, scripts, exchange.scanner).run(
        RELEASE_MS, lambda: True
    )

    assert released.filled == 1


def test_one_run_is_bounded_and_says_that_more_is_due(exchange: Waiting) -> None:
    users = range(100, 100 + BATCH // 50 + 1)
    for user in users:
        exchange.fund(user)  # type: ignore[arg-type]
        for _ in range(50):
            exchange.pending(qty=1, user=user)

    first = exchange.release()
    second = exchange.release()

    assert (first.filled, first.more, first.level) == (BATCH, True, False)
    assert (second.filled, second.more, second.level) == (50 * len(users) - BATCH, False, True)


def test_a_run_that_may_not_go_on_leaves_orders_waiting(exchange: Waiting) -> None:
    exchange.pending()

    released = Release(exchange.orders, exchange.hot, exchange.scripts, exchange.scanner).run(
        RELEASE_MS, lambda: False
    )

    assert (released.filled, released.waiting, released.level) == (0, 1, False)
    assert len(exchange.waiting()) == 1


def test_an_order_of_a_kind_not_known_here_waits_for_a_newer_release(exchange: Waiting) -> None:
    order, known = exchange.pending(), exchange.pending()
    exchange.client.hset(exchange.keys.order(order.order_id), "kind", "swap")

    released = exchange.release()

    assert exchange.trades() == [known.order_id]
    assert (released.filled, released.level, released.waiting) == (1, False, 1)


@pytest.mark.parametrize("halted", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", [1, 2])
def test_a_run_that_died_is_finished_by_the_next_without_a_second_trade(
    exchange: Waiting, step: int, after: bool, halted: bool
) -> None:
    orders = [exchange.pending() for _ in range(3)]
    if halted:
        exchange.halt()
    dying = Countdown(step, after=after).guard(exchange.scripts)

    with pytest.raises(Killed):
        Release(exchange.orders, exchange.hot, dying, exchange.scanner).run(
            RELEASE_MS, lambda: True
        )
    exchange.release()
    exchange.release()

    assert exchange.trades() == ([] if halted else [order.order_id for order in orders])
    assert exchange.waiting() == []
    told = [entry["st"] for entry in exchange.facts() if entry["k"] == "order"]
    assert told == ["pending"] * 3 + (["rejected"] if halted else ["filled"]) * 3


@pytest.mark.parametrize("method", ["execute", "orders_done"])
@pytest.mark.parametrize("halted_first", [False, True])
def test_of_two_runs_at_once_one_is_believed(
    exchange: Waiting, halted_first: bool, method: str
) -> None:
    order = exchange.pending()
    if halted_first:
        exchange.halt()

    def another_run() -> None:
        exchange.halt(Halt(0) if halted_first else Halt.EVENT)
        exchange.release()

    scripts: Any = Meanwhile(exchange.scripts, method, another_run)
    Release(exchange.orders, exchange.hot, scripts, exchange.scanner).run(RELEASE_MS, lambda: True)

    record = exchange.record(order)
    assert (record.status is OrderStatus.FILLED) == (exchange.trades() == [order.order_id])


_USERS = st.sampled_from([ANN, BOB])
_STEPS = st.one_of(
    st.tuples(
        st.just("place"), _USERS, st.sampled_from(Side), st.integers(1, 12_500), st.booleans()
    ),
    st.tuples(st.just("amount"), _USERS, st.sampled_from(Side), st.integers(1, 10**7)),
    st.just(("release",)),
    st.tuples(st.just("dies"), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("twice"), st.sampled_from(["execute", "orders_done"]), st.integers(0, 1)),
    st.tuples(st.just("moves"), st.integers(-900, 900), st.sampled_from([0, 0, 4])),
    st.tuples(st.just("phase"), st.sampled_from([Phase.LIVE, Phase.LIVE, Phase.FINISHED])),
    st.tuples(st.just("passes"), st.sampled_from([1_000, DELAY_MS])),
)


@settings(max_examples=60)
@given(steps=st.lists(_STEPS, min_size=8, max_size=40))
def test_whatever_happens_no_order_trades_twice_and_the_books_hold(
    redis: redis_module.Redis, steps: list[tuple[Any, ...]]
) -> None:
    redis.flushdb()
    story = Story(Waiting(redis))
    story.exchange.fund(BOB)

    for name, *details in steps:
        getattr(story, name)(*details)
        prove(story.exchange)
    story.passes(DELAY_MS)
    story.release()

    prove(story.exchange)
    assert story.exchange.waiting() == []
    records = map(story.exchange.record, story.accepted)
    assert all(record.status is not OrderStatus.PENDING for record in records)


class Story:
    """A market in which orders are placed, released, and released badly."""

    def __init__(self, exchange: Waiting) -> None:
        self.exchange = exchange
        self.now_ms = ACCEPTED_MS
        self.accepted: list[DelayedOrder] = []

    def place(self, user: UserId, side: Side, qty: int, bound: bool) -> None:
        self._place(side, qty, user=user, bound_px=1_000_000 if bound else None)

    def amount(self, user: UserId, side: Side, notional_e4: int) -> None:
        self._place(side, 1, user=user, asked=TradeTerms(side, None, notional_e4, None))

    def release(self, scripts: Any = None) -> None:
        exchange = self.exchange
        release = Release(
            exchange.orders, exchange.hot, scripts or exchange.scripts, exchange.scanner
        )
        release.run(self.now_ms, lambda: True)

    def dies(self, step: int, after: bool) -> None:
        with suppress(Killed):
            self.release(Countdown(step, after=after).guard(self.exchange.scripts))

    def twice(self, method: str, halted: int) -> None:
        def another_run() -> None:
            self.exchange.move(halt=Halt(halted * 4))
            self.release()

        self.release(Meanwhile(self.exchange.scripts, method, another_run))

    def moves(self, offset_bps: int, halt: int) -> None:
        self.exchange.move(offset_bps=offset_bps, halt=Halt(halt))

    def phase(self, phase: Phase) -> None:
        self.exchange.move(phase=phase)

    def passes(self, ms: int) -> None:
        self.now_ms += ms

    def _place(self, side: Side, qty: int, **changes: Any) -> None:
        outcome = self.exchange.place(side, qty, now_ms=self.now_ms, **changes)
        assert isinstance(outcome, Accepted | Filled | Refused)
        if isinstance(outcome, Accepted):
            self.accepted.append(outcome.order)
