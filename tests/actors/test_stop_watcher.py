"""The stop-watcher: positions are closed when their price is there, by one watcher, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_module
from structlog.testing import capture_logs
from touchline.actors.margin.messages import EveryClubDue, LeaseDue, WorkDue
from touchline.actors.margin.stop_watcher import FEW, StopWatcher
from touchline.actors.meters import StopMeter
from touchline.domain.halts import Halt
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.store.lease import Lease
from touchline.store.watch import Watch

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import ARS, EVE, Exchange
from tests.fakes.failing import Countdown, Killed
from tests.fakes.stops import Pit

STEPS = 8  #: that a watcher takes from its look to the end of its scan, in the test below


class SilentBell:
    """A doorbell that rings when the test says so."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.rings: list[InstrumentIdx] = []

    def open(self) -> None:
        self.log.append("open")

    def messages(self) -> Iterator[InstrumentIdx]:
        yield from self.rings

    def close(self) -> None:
        self.log.append("close")


class Post:
    """A watcher of the pit's clubs, called by hand."""

    def __init__(self, pit: Pit, clock: FakeClock, owner: str, **replaced: object) -> None:
        client, keys = pit.exchange.client, pit.exchange.keys
        self.bell, self.meter = SilentBell(), StopMeter()
        key = keys.lease("stop-watcher")
        self.lease = Lease(client, key, monotonic=clock.monotonic, owner=owner)
        self.watch = Watch(client, keys)
        made = {"watch": self.watch, "scanner": pit.scanner} | replaced
        self.actor = StopWatcher(
            lambda: self.bell,
            made["watch"],
            made["scanner"],
            self.lease,
            clock.monotonic,
            self.meter,
        )
        self.actor.started()

    def look_everywhere(self) -> None:
        self.actor.receive(EveryClubDue())
        self.work()

    def ring(self, *clubs: InstrumentIdx) -> None:
        """What the linked reader does."""
        self.bell.rings = list(clubs)
        (run,) = self.actor.links
        run()

    def work(self) -> int:
        """Let it go on until it has nothing to do; how many pieces that were."""
        pieces = 0
        while self.actor.actor_inbox.depth:
            _, message, _ = self.actor.actor_inbox.take()
            self.actor.receive(message)
            pieces += message == WorkDue()
            assert pieces < 1_000, "it goes on for ever"
        return pieces


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    pit = Pit(exchange)
    redis.delete(exchange.keys.lease("stop-watcher"))
    yield pit
    exchange.prove()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def post(pit: Pit, clock: FakeClock) -> Post:
    return Post(pit, clock, "first")


def closed_by(pit: Pit) -> dict[str, str]:
    """The tick that closed each position, from the facts; nothing is in there twice."""
    closes = [entry for entry in pit.exchange.entries() if entry["k"] == "close"]
    found = {entry["id"]: entry["ttick"] for entry in closes}
    assert len(found) == len(closes)
    return found


def watched(pit: Pit, idx: InstrumentIdx = ARS) -> int:
    """The number of the last tick its watch has passed."""
    return int(pit.exchange.client.hget(pit.exchange.keys.watch(idx), "s") or 0)


def test_a_price_at_the_stop_closes_the_position_when_the_bell_rings(pit: Pit, post: Post) -> None:
    stopped = pit.long(-300)
    hit = pit.price(-350)

    post.ring(ARS)
    post.work()

    assert closed_by(pit) == {stopped: hit.tick_id}
    assert watched(pit) == pit.exchange.hot.instrument(ARS).seq


def test_a_bell_that_nobody_heard_is_made_up_for_every_second(pit: Pit, post: Post) -> None:
    stopped = pit.long(-300, idx=EVE)
    hit = pit.price(-350, idx=EVE)

    post.look_everywhere()

    assert closed_by(pit) == {stopped: hit.tick_id}
    assert {timer.message: timer.seconds for timer in post.actor.timers} == {
        LeaseDue(): 2.0,
        EveryClubDue(): 1.0,
    }


def test_many_rings_of_one_club_are_one_look(pit: Pit, post: Post) -> None:
    post.work()
    pit.prices(1, 2, 3)

    post.ring(ARS, ARS, EVE, ARS)

    assert post.work() == 1
    assert (watched(pit, ARS), watched(pit, EVE)) == (3, 0)


def test_what_stays_open_though_ticks_concern_it_is_passed_and_not_looked_at_for_ever(
    pit: Pit, post: Post
) -> None:
    held, trailed, called = (
        pit.long(profit_bps=100, qty=50_000),
        pit.long(trail_px=20_000),
        pit.long(leverage=10),
    )
    pit.prices(80, 83, -370)

    post.look_everywhere()

    assert post.work() == 0
    assert watched(pit) == pit.exchange.hot.instrument(ARS).seq
    positions = {each: pit.exchange.position(each) for each in (held, trailed, called)}
    assert positions[called].warned
    assert positions[held].qty == 50_000
    assert list(closed_by(pit)) == [trailed]


def test_a_long_way_is_gone_a_piece_at_a_time(pit: Pit, clock: FakeClock) -> None:
    stopped = pit.long(-300)
    pit.prices(*(n % 7 for n in range(2_300)))
    hit = pit.price(-350)
    post = Post(pit, clock, "first")  # only now: the lease in Redis lives in real time

    post.ring(ARS)
    pieces = post.work()

    assert closed_by(pit) == {stopped: hit.tick_id}
    assert pieces >= 5
    assert post.meter.passed >= 2_000


def test_while_many_are_closed_in_one_club_another_is_not_kept_waiting(
    pit: Pit, clock: FakeClock
) -> None:
    for n in range(300):
        pit.long(-300, user=100 + n // 20, qty=10, leverage=1)
    other = pit.long(-100, idx=EVE)
    pit.price(-350)
    hit = pit.price(-150, idx=EVE)
    post = Post(pit, clock, "first")  # only now: so many positions may outlast its lease

    post.ring(ARS, EVE)
    post.work()

    order = [entry["id"] for entry in pit.exchange.entries() if entry["k"] == "close"]
    assert closed_by(pit)[other] == hit.tick_id
    assert order.index(other) < 250


# -- the lease


def test_without_the_lease_it_looks_at_nothing(pit: Pit, post: Post, clock: FakeClock) -> None:
    second = Post(pit, clock, "second")
    pit.long(-300)
    pit.price(-350)

    second.ring(ARS)
    second.look_everywhere()

    assert closed_by(pit) == {}
    assert second.actor.detail()["lease"] is False


def test_a_watcher_that_slept_over_its_lease_closes_nothing(
    pit: Pit, post: Post, clock: FakeClock
) -> None:
    stopped = pit.long(-300)
    hit = pit.price(-350)
    # It believes it holds the lease: its clock has stood still as it did.
    pit.exchange.client.delete(post.lease.key)
    second = Post(pit, clock, "second")

    with capture_logs() as logs:
        post.look_everywhere()
    assert closed_by(pit) == {}
    assert [line["event"] for line in logs] == ["another stop-watcher took over"]
    assert post.actor.detail()["lease"] is False

    second.look_everywhere()
    assert closed_by(pit) == {stopped: hit.tick_id}


def test_one_that_is_overtaken_between_its_look_and_its_close_closes_nothing(
    pit: Pit, post: Post, clock: FakeClock
) -> None:
    post.work()
    stopped = pit.long(-300)
    hit = pit.price(-350)
    post.ring(ARS)
    post.actor.receive(WorkDue())  # it has looked, and has begun to scan
    post.ring(ARS)
    post.actor.receive(WorkDue())
    assert post.actor.detail()["dealing"] == 1

    pit.exchange.client.delete(post.lease.key)
    second = Post(pit, clock, "second")
    post.work()
    assert closed_by(pit) == {}

    second.look_everywhere()
    assert closed_by(pit) == {stopped: hit.tick_id}


def test_a_stop_gives_the_lease_and_the_connection_back(pit: Pit, post: Post) -> None:
    post.actor.stopped()

    assert post.bell.log == ["open", "close"]
    assert pit.exchange.client.get(post.lease.key) is None


# -- crashes


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_killed_anywhere_and_started_again_it_closes_at_the_same_tick_and_price(
    pit: Pit, clock: FakeClock, step: int, after: bool
) -> None:
    ids = [pit.long(-300), pit.long(trail_px=20_000), pit.long(-200)]
    _, _, second, third = pit.prices(100, 400, 150, -350)
    countdown = Countdown(step, after=after)
    guarded = pit.new_scanner(
        client=countdown.guard(pit.exchange.client), scripts=countdown.guard(pit.exchange.scripts)
    )
    watch = countdown.guard(Watch(pit.exchange.client, pit.exchange.keys))
    with pytest.raises(Killed):
        Post(pit, clock, "one", watch=watch, scanner=guarded).look_everywhere()
    pit.prices(-600, 300)  # what comes while it is down does not matter

    Post(pit, clock, "one").look_everywhere()

    assert closed_by(pit) == {
        ids[1]: second.tick_id,
        ids[0]: third.tick_id,
        ids[2]: third.tick_id,
    }
    assert {entry["tf"] for entry in pit.exchange.entries() if entry["k"] == "close"} == {
        str(second.index_px),
        str(third.index_px),
    }


class Begun:
    """A scanner that notes which clubs are scanned together."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.together: list[list[InstrumentIdx]] = []

    def begin(self, positions: Any, by: Any, *, lease_owner: str) -> Any:
        self.together.append(list(positions))
        return self._real.begin(positions, by, lease_owner=lease_owner)


def test_clubs_with_few_positions_due_are_scanned_together(pit: Pit, clock: FakeClock) -> None:
    begun = Begun(pit.scanner)
    post = Post(pit, clock, "first", scanner=begun)
    here, there = pit.long(-300), pit.long(-300, idx=EVE)
    hits = {here: pit.price(-350).tick_id, there: pit.price(-350, idx=EVE).tick_id}

    post.look_everywhere()

    assert begun.together == [[ARS, EVE]]
    assert closed_by(pit) == hits


def test_a_club_with_many_due_keeps_no_other_waiting(pit: Pit, clock: FakeClock) -> None:
    begun = Begun(pit.scanner)
    post = Post(pit, clock, "first", scanner=begun)
    users = [UserId(100 + n) for n in range(FEW // 10 + 1)]
    many = [pit.long(-300, user=user) for user in users for _ in range(10)]
    few = pit.long(-300, idx=EVE)
    pit.price(-350)
    pit.price(-350, idx=EVE)

    post.look_everywhere()

    assert begun.together[:2] == [[EVE], [ARS]]
    assert closed_by(pit).keys() == {*many, few}


# -- how it is


def test_its_lag_counts_from_the_last_time_that_all_clubs_were_passed(
    pit: Pit, post: Post, clock: FakeClock
) -> None:
    post.look_everywhere()
    clock.advance(1.0)
    post.actor.receive(LeaseDue())
    assert post.actor.detail()["lag_s"] == 1.0

    clock.advance(1.0)
    post.actor.receive(EveryClubDue())
    clock.advance(0.5)
    post.work()

    assert post.actor.detail()["lag_s"] == 0.5


def test_its_lag_ends_though_somebody_is_due_at_every_price(
    pit: Pit, post: Post, clock: FakeClock
) -> None:
    pit.long(profit_bps=100, qty=50_000)  # out of reach at 83, and armed for each next tick
    pit.price(83)
    clock.advance(1.0)
    post.actor.receive(EveryClubDue())

    for _ in range(2 * STEPS):
        pit.price(83)
        _, message, _ = post.actor.actor_inbox.take()
        post.actor.receive(message)

    assert post.actor.detail()["lag_s"] == 0.0


def test_one_that_cannot_keep_up_says_so(pit: Pit, post: Post, clock: FakeClock) -> None:
    pit.long(-300)
    pit.price(-350)
    post.actor.receive(EveryClubDue())
    for _ in range(4):
        clock.advance(1.6)
        post.actor.receive(LeaseDue())

    assert post.actor.detail()["ailing"] == "prices are 6 s ahead of stops"


class Stubborn:
    """A scanner whose scans deal with nothing."""

    def __init__(self) -> None:
        self.begun = 0

    def begin(self, positions: dict[InstrumentIdx, tuple[str, ...]], *_: object, **__: object):
        self.begun += 1
        self.fenced, self.left = False, list(*positions.values())
        return self

    def step(self) -> bool:
        return False


def test_what_cannot_be_closed_is_told_once_tried_again_and_not_passed(
    pit: Pit, clock: FakeClock
) -> None:
    stubborn = Stubborn()
    post = Post(pit, clock, "first", scanner=stubborn)
    stopped = pit.long(-300)
    pit.price(-350)

    with capture_logs() as logs:
        for _ in range(3):
            post.look_everywhere()

    assert [line["positions"] for line in logs] == [[stopped]]
    assert stubborn.begun == 3
    assert watched(pit) == 0
    assert post.actor.detail()["ailing"] == "positions that cannot be closed, in 1"


def test_a_halted_price_moves_the_watch_and_closes_nothing(pit: Pit, post: Post) -> None:
    pit.long(-300)
    halted = pit.price(-350, halt=Halt.EVENT)

    post.look_everywhere()

    assert closed_by(pit) == {}
    assert watched(pit) == halted.seq
