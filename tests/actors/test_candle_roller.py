"""The candle-roller: rolls while it holds the lease, catches up at once, tidies piece by piece."""

from __future__ import annotations

import pytest
import redis as redis_module
from touchline.actors.flush.candle_roller import CandleRoller
from touchline.actors.flush.messages import LeaseDue, RollDue, TidyDue
from touchline.actors.meters import CandleMeter
from touchline.domain.candles import SECONDS_KEPT_MS, Interval
from touchline.store.fence import Fence, Fenced
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.postgres import Postgres
from touchline.store.rolling import Done

from tests.fakes.clock import FakeClock


class Streams:
    """Rolls, trims and forgets what it is told to, and then nothing."""

    def __init__(self) -> None:
        self.rolls: list[Done | Fenced] = []
        self.trims: list[int] = []
        self.forgets: list[int] = []
        self.rolled = self.trimmed = 0
        self.forgot: list[tuple[Interval, int]] = []

    def roll(self, fence: Fence) -> Done:
        self.rolled += 1
        done = self.rolls.pop(0) if self.rolls else Done()
        if isinstance(done, Fenced):
            raise done
        return done

    def trim(self) -> int:
        self.trimmed += 1
        return self.trims.pop(0) if self.trims else 0

    def forget(self, interval: Interval, before_ms: int) -> int:
        self.forgot.append((interval, before_ms))
        return self.forgets.pop(0) if self.forgets else 0


class Replica:
    """A candle-roller of one flusher, started."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres, clock: FakeClock) -> None:
        self.streams, self.meter = Streams(), CandleMeter()
        key = Keys().lease("candle-roller")
        lease = Lease(redis, key, monotonic=clock.monotonic)
        self.fence = Fence(pg, "candle-roller")
        self.actor = CandleRoller(
            self.streams, lease, self.fence, clock.calendar, clock.monotonic, self.meter
        )
        self.actor.started()

    def work_off(self, message: RollDue | TidyDue) -> None:
        """*message* and whatever the actor tells itself because of it."""
        self.actor.receive(message)
        while self.actor.actor_inbox.depth:
            _, following, _ = self.actor.actor_inbox.take()
            self.actor.receive(following)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def replica(redis: redis_module.Redis, pg: Postgres, clock: FakeClock) -> Replica:
    return Replica(redis, pg, clock)


def test_it_rolls_every_second_and_tidies_every_minute(replica: Replica) -> None:
    assert {timer.message: timer.seconds for timer in replica.actor.timers} == {
        LeaseDue(): 2.0,
        RollDue(): 1.0,
        TidyDue(): 60.0,
    }


def test_what_waits_is_worked_off_without_waiting_for_the_timer(replica: Replica) -> None:
    replica.streams.rolls = [Done(5_000, 40, more=True), Done(5_000, 30, more=True), Done(7, 4)]

    replica.work_off(RollDue())

    assert replica.streams.rolled == 3
    assert (replica.meter.ticks, replica.meter.rows) == (10_007, 74)


def test_old_ticks_and_seconds_go_until_none_is_left(replica: Replica, clock: FakeClock) -> None:
    replica.streams.trims = [900, 0]
    replica.streams.forgets = [1_000, 1_000, 20]

    replica.work_off(TidyDue())

    assert replica.streams.trimmed == 4
    assert set(replica.streams.forgot) == {(Interval.SECOND, clock.calendar() - SECONDS_KEPT_MS)}
    assert (replica.meter.trimmed, replica.meter.forgotten) == (900, 2_020)


def test_it_comes_again_for_ticks_though_no_candle_is_old(replica: Replica) -> None:
    replica.streams.trims = [900, 900]

    replica.work_off(TidyDue())

    assert replica.meter.trimmed == 1_800


def test_of_two_one_rolls_and_the_other_takes_over_when_it_stops(
    redis: redis_module.Redis, pg: Postgres, clock: FakeClock
) -> None:
    first, second = Replica(redis, pg, clock), Replica(redis, pg, clock)

    for message in (RollDue(), TidyDue()):
        second.actor.receive(message)
    assert (second.streams.rolled, second.streams.trimmed) == (0, 0)

    first.actor.stopped()
    second.actor.receive(LeaseDue())
    second.actor.receive(RollDue())
    assert second.streams.rolled == 1


def test_one_that_was_asleep_too_long_does_nothing(replica: Replica, clock: FakeClock) -> None:
    clock.advance(5.5)

    replica.actor.receive(RollDue())
    replica.actor.receive(TidyDue())

    assert (replica.streams.rolled, replica.streams.trimmed) == (0, 0)
    assert replica.actor.detail()["lease"] is False


def test_one_that_was_overtaken_steps_back_and_may_come_again_behind_a_new_fence(
    replica: Replica, pg: Postgres
) -> None:
    usurper = Fence(pg, "candle-roller")
    usurper.take()
    show(pg, usurper)
    replica.streams.rolls = [Fenced("token 1 is no longer the highest")]

    replica.actor.receive(RollDue())
    assert replica.actor.detail()["lease"] is False
    with pytest.raises(Fenced):
        show(pg, replica.fence)

    replica.actor.receive(LeaseDue())
    show(pg, replica.fence)
    assert replica.actor.detail()["lease"] is True


def test_the_lag_counts_from_the_last_round_that_left_nothing(
    replica: Replica, clock: FakeClock
) -> None:
    replica.actor.receive(RollDue())
    replica.streams.rolls = [Done(5_000, 40, more=True)]

    clock.advance(1.5)
    replica.actor.receive(RollDue())

    assert replica.actor.detail()["lag_s"] == 1.5
    assert replica.actor.detail()["ailing"] == ""


def test_one_that_cannot_keep_up_says_so(replica: Replica, clock: FakeClock) -> None:
    replica.actor.receive(RollDue())
    for _ in range(20):
        clock.advance(3.1)
        replica.actor.receive(LeaseDue())

    assert replica.actor.detail()["ailing"] == "prices are 62 s ahead of candles"


def test_one_whose_place_another_had_meanwhile_is_not_late(
    redis: redis_module.Redis, pg: Postgres, clock: FakeClock
) -> None:
    first = Replica(redis, pg, clock)
    first.actor.receive(RollDue())
    clock.advance(7.0)
    redis.delete(Keys().lease("candle-roller"))  # it has expired
    Replica(redis, pg, clock).actor.stopped()

    first.actor.receive(LeaseDue())

    assert first.actor.detail()["lag_s"] == 0.0


def test_counts_and_lag_go_on_over_a_restart(
    replica: Replica, redis: redis_module.Redis, pg: Postgres, clock: FakeClock
) -> None:
    replica.streams.rolls = [Done(5, 4)]
    replica.actor.receive(RollDue())
    replica.actor.stopped()
    clock.advance(2.0)
    lease = Lease(redis, Keys().lease("candle-roller"), monotonic=clock.monotonic)

    fresh = CandleRoller(
        *(replica.streams, lease, replica.fence, clock.calendar, clock.monotonic), replica.meter
    )
    fresh.started()

    assert fresh.detail()["lag_s"] == 2.0
    assert fresh.detail()["ticks"] == 5


def show(pg: Postgres, fence: Fence) -> None:
    with pg.transaction() as cursor:
        fence.show(cursor)
