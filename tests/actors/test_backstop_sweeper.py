"""The backstop-sweeper: what is open is checked every few minutes, and what differs is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import redis as redis_module
from structlog.testing import capture_logs
from touchline.actors.margin import backstop_sweeper
from touchline.actors.margin.backstop_sweeper import BackstopSweeper
from touchline.actors.margin.messages import LeaseDue, SweepDue, WorkDue
from touchline.actors.meters import SweepMeter
from touchline.domain.ids import UserId
from touchline.domain.position_events import By
from touchline.store.keys import State
from touchline.store.lease import Lease
from touchline.store.position_commands import PositionKey
from touchline.store.sweeping import Sweeping

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import ANN, ARS, BOB, Exchange
from tests.fakes.stops import Pit


class OpenBooks:
    """What Postgres has as open."""

    def __init__(self) -> None:
        self.open: dict[UserId, list[PositionKey]] = {}
        self.asked: list[UserId] = []

    def add(self, position_id: str, user: UserId = ANN) -> None:
        self.open.setdefault(user, []).append(PositionKey(position_id, user, ARS))

    def open_by_user(
        self, after: UserId, limit: int
    ) -> Sequence[tuple[UserId, Sequence[PositionKey]]]:
        self.asked.append(after)
        return [(user, self.open[user]) for user in sorted(self.open) if user > after][:limit]


class Broom:
    """A sweeper of one api-server."""

    def __init__(self, pit: Pit, clock: FakeClock, books: OpenBooks, owner: str = "one") -> None:
        client, keys = pit.exchange.client, pit.exchange.keys
        self.meter = SweepMeter()
        key = keys.lease("margin-backstop")
        self.lease = Lease(client, key, monotonic=clock.monotonic, owner=owner)
        self.actor = BackstopSweeper(
            books, Sweeping(client, keys), pit.scanner, self.lease, self.meter
        )
        self.actor.started()

    def sweep(self) -> int:
        """A whole sweep; in how many pieces."""
        self.actor.receive(SweepDue())
        pieces = 0
        while self.actor.actor_inbox.depth:
            _, message, _ = self.actor.actor_inbox.take()
            self.actor.receive(message)
            pieces += 1
        return pieces


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    yield Pit(exchange)
    exchange.prove()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def books() -> OpenBooks:
    return OpenBooks()


@pytest.fixture
def broom(pit: Pit, clock: FakeClock, books: OpenBooks) -> Broom:
    return Broom(pit, clock, books)


def test_a_breach_that_nobody_saw_is_closed_by_the_sweep(
    pit: Pit, broom: Broom, books: OpenBooks
) -> None:
    stopped = pit.long(-300)
    hit, _ = pit.prices(-350, 100)
    books.add(stopped)

    broom.sweep()

    close = pit.exchange.entries()[-1]
    assert (close["id"], close["ttick"]) == (stopped, hit.tick_id)
    assert close["by"] == By.BACKSTOP_SWEEPER.value
    assert (broom.meter.sweeps, broom.meter.positions) == (1, 1)


def test_it_sweeps_soon_after_its_start_and_then_every_five_minutes(broom: Broom) -> None:
    assert [(timer.message, timer.seconds, timer.repeats) for timer in broom.actor.timers] == [
        (LeaseDue(), 2.0, True),
        (SweepDue(), 300.0, True),
        (SweepDue(), 10.0, False),
    ]


def test_users_come_page_by_page_and_it_goes_on_by_itself(
    pit: Pit, broom: Broom, books: OpenBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backstop_sweeper, "PAGE", 2)
    ids = {user: pit.long(-300, user=user) for user in map(UserId, range(10, 15))}
    for user, position_id in ids.items():
        books.add(position_id, user)
    pit.price(-350)

    pieces = broom.sweep()

    assert books.asked == [0, 11, 13, 14]
    assert {pit.exchange.position(each).qty for each in ids.values()} == {0}
    assert pieces > 4


def test_a_sweep_that_is_due_during_another_is_left_out(
    pit: Pit, broom: Broom, books: OpenBooks
) -> None:
    books.add(pit.long())
    broom.actor.receive(SweepDue())

    broom.actor.receive(SweepDue())

    assert broom.actor.actor_inbox.queued() == (WorkDue(),)


def test_of_two_sweepers_one_sweeps(pit: Pit, clock: FakeClock, books: OpenBooks) -> None:
    one, other = Broom(pit, clock, books, "one"), Broom(pit, clock, books, "other")

    one.sweep()
    other.sweep()

    assert (one.meter.sweeps, other.meter.sweeps) == (1, 0)


def test_a_sweep_ends_with_its_lease_and_the_next_one_begins_anew(
    pit: Pit, broom: Broom, books: OpenBooks, clock: FakeClock
) -> None:
    books.add(pit.long())
    broom.actor.receive(SweepDue())
    broom.actor.receive(WorkDue())
    clock.advance(6.0)

    broom.actor.receive(WorkDue())
    assert broom.actor.detail()["sweeping"] is False

    broom.actor.receive(LeaseDue())
    broom.sweep()
    assert books.asked[0] == books.asked[1] == 0


def test_a_position_that_redis_does_not_have_is_told_of(broom: Broom, books: OpenBooks) -> None:
    books.add("lost")

    with capture_logs() as logs:
        broom.sweep()

    assert [(line["event"], line["position"]) for line in logs] == [
        ("a position open in postgres is not in redis", "lost")
    ]
    assert broom.meter.differences["missing"] == 1


def test_a_close_that_postgres_missed_is_brought_to_it(
    pit: Pit, broom: Broom, books: OpenBooks
) -> None:
    stopped, dirty = pit.long(-300), pit.long(-300, user=BOB)
    pit.price(-350)
    pit.scanner.scan({ARS: [stopped, dirty]}, By.CHECK)
    marks = pit.exchange.keys.dirty(State.POSITIONS)
    pit.exchange.client.srem(marks, stopped)
    books.add(stopped)
    books.add(dirty, BOB)  # on its way

    broom.sweep()

    assert broom.meter.differences["closed"] == 1
    assert pit.exchange.client.smembers(marks) == {stopped, dirty}


def test_a_stop_gives_the_lease_back(pit: Pit, broom: Broom) -> None:
    broom.actor.stopped()

    assert pit.exchange.client.get(broom.lease.key) is None
