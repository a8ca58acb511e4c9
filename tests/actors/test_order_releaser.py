"""The releaser: looks every 50 ms where it holds the lease, and says when it is late."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis as redis_module
from touchline.actors.meters import OrderMeter, TradeMeter
from touchline.actors.trading.messages import LeaseDue, ReleaseDue
from touchline.actors.trading.order_releaser import OrderReleaser
from touchline.store.lease import Lease
from touchline.store.release import Release

from tests.fakes.clock import FakeClock
from tests.fakes.waiting import RELEASE_MS, Waiting

Build = Callable[..., OrderReleaser]


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Waiting:
    return Waiting(redis)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(calendar_ms=RELEASE_MS)


@pytest.fixture
def meter() -> OrderMeter:
    return OrderMeter()


@pytest.fixture
def build(exchange: Waiting, clock: FakeClock, meter: OrderMeter) -> Build:
    def build(trades: TradeMeter | None = None) -> OrderReleaser:
        lease = Lease(
            exchange.client, exchange.keys.lease("order-release"), monotonic=clock.monotonic
        )
        release = Release(exchange.orders, exchange.hot, exchange.scripts, exchange.scanner)
        return OrderReleaser(release, lease, clock.calendar, clock.monotonic, meter, trades)

    return build


def test_it_looks_twenty_times_a_second(build: Build) -> None:
    releaser = build()

    releaser.started()

    assert {timer.message: timer.seconds for timer in releaser.timers} == {
        ReleaseDue(): 0.05,
        LeaseDue(): 2.0,
    }


def test_what_is_due_by_the_calendar_is_released_and_counted(
    exchange: Waiting, build: Build, clock: FakeClock, meter: OrderMeter
) -> None:
    trades = TradeMeter()
    releaser = build(trades)
    releaser.started()
    exchange.pending()
    exchange.pending(now_ms=2_001)

    releaser.receive(ReleaseDue())
    exchange.halt()
    clock.advance(0.001)
    releaser.receive(ReleaseDue())

    assert meter.results == {"filled": 1, "rejected": 1}
    assert trades.ticks == 1
    assert exchange.waiting() == []
    assert releaser.detail() == {"lease": True, "waiting": 0.0, "overdue_s": 0.0, "ailing": ""}


def test_of_two_releasers_one_works_and_the_other_takes_over_when_it_stops(
    exchange: Waiting, build: Build
) -> None:
    first, second = build(), build()
    first.started()
    second.started()
    exchange.pending()

    second.receive(ReleaseDue())
    assert len(exchange.waiting()) == 1

    first.stopped()
    second.receive(LeaseDue())
    second.receive(ReleaseDue())
    assert exchange.waiting() == []


def test_a_releaser_that_slept_longer_than_its_lease_releases_nothing(
    exchange: Waiting, build: Build, clock: FakeClock
) -> None:
    releaser = build()
    releaser.started()
    exchange.pending()

    clock.advance(5.5)
    releaser.receive(ReleaseDue())

    assert len(exchange.waiting()) == 1
    assert releaser.detail()["overdue_s"] is None


def test_more_than_one_run_can_do_is_done_at_once(exchange: Waiting, build: Build) -> None:
    releaser = build()
    releaser.started()
    for user in range(100, 107):
        exchange.fund(user)  # type: ignore[arg-type]
        for _ in range(50):
            exchange.pending(qty=1, user=user)

    releaser.receive(ReleaseDue())

    assert releaser.actor_inbox.queued() == (ReleaseDue(),)


def test_it_ails_when_something_due_is_not_released_for_seconds(
    exchange: Waiting, build: Build, clock: FakeClock
) -> None:
    releaser = build()
    releaser.started()
    order = exchange.pending()
    exchange.client.hset(exchange.keys.order(order.order_id), "kind", "swap")

    for _ in range(3):
        clock.advance(2)
        releaser.receive(LeaseDue())
        releaser.receive(ReleaseDue())

    assert releaser.detail()["ailing"] == "orders are released 6 s late"

    exchange.client.hset(exchange.keys.order(order.order_id), "kind", "trade")
    releaser.receive(ReleaseDue())

    assert releaser.detail()["ailing"] == ""


def test_being_late_is_not_forgotten_by_a_restart(
    exchange: Waiting, build: Build, clock: FakeClock, meter: OrderMeter
) -> None:
    lease = Lease(exchange.client, exchange.keys.lease("order-release"), monotonic=clock.monotonic)
    release = Release(exchange.orders, exchange.hot, exchange.scripts, exchange.scanner)

    def start() -> OrderReleaser:
        releaser = OrderReleaser(release, lease, clock.calendar, clock.monotonic, meter)
        releaser.started()
        return releaser

    start()
    clock.advance(3)
    start()
    clock.advance(3)

    assert start().detail()["ailing"] == "orders are released 6 s late"
