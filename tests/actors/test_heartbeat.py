"""The heartbeat: tells, hears, carries out orders, and says when a service is missing."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs
from touchline.actors.heartbeat import BEAT_S, BeatDue, Heartbeat
from touchline.store.fleet import Identity, Member, Order, Roll

from tests.fakes.clock import FakeClock


def member(service: str, *, covers: tuple[str, ...] = (), silent_s: float = 0.0) -> Member:
    return Member(Identity(service, "host", "0.1.0", covers or (service,)), "ready", silent_s, "{}")


class Air:
    """A fleet that is what the test says, and remembers what it was told."""

    def __init__(self) -> None:
        self.roll = Roll((), {})
        self.orders: list[Order] = []
        self.told: list[tuple[str, str]] = []
        self.left = 0
        self.away: Exception | None = None

    def beat(self, status: str, report: str) -> tuple[Roll, tuple[Order, ...]]:
        self._meet()
        self.told.append((status, report))
        return self.roll, tuple(self.orders)

    def leave(self) -> None:
        self._meet()
        self.left += 1

    def _meet(self) -> None:
        if self.away:
            raise self.away


@pytest.fixture
def air():
    return Air()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def heard():
    return []


@pytest.fixture
def restarts():
    return []


@pytest.fixture
def heartbeat(air, clock, heard, restarts):
    def restart(child: str, by: str) -> bool:
        restarts.append((child, by))
        return child == "hub-3"

    beating = Heartbeat(air, lambda: ("ready", "{}"), heard.append, restart, clock.monotonic)
    beating.started()
    return beating


def test_it_beats_every_two_seconds_and_at_once(heartbeat):
    assert [(timer.seconds, timer.message) for timer in heartbeat.timers] == [(BEAT_S, BeatDue())]
    assert heartbeat.actor_inbox.queued() == (BeatDue(),)


def test_it_tells_how_the_replica_is_and_hears_how_the_others_are(heartbeat, air, heard):
    air.roll = Roll((member("flusher"),), {"flusher": "host"})

    heartbeat.receive(BeatDue())

    assert air.told == [("ready", "{}")]
    assert heard == [air.roll]


def test_what_was_ordered_is_carried_out_in_the_name_of_who_ordered_it(heartbeat, air, restarts):
    air.orders = [Order("hub-3", "user 7")]

    heartbeat.receive(BeatDue())

    assert restarts == [("hub-3", "user 7")]


def test_an_order_for_a_child_that_is_not_here_is_logged(heartbeat, air):
    air.orders = [Order("nobody", "user 7")]

    with capture_logs() as lines:
        heartbeat.receive(BeatDue())

    assert [(line["event"], line["ordered"]) for line in lines] == [
        ("order for an unknown child", "nobody")
    ]


def test_a_service_that_nothing_is_heard_of_is_missing_after_a_while(heartbeat, air, clock):
    air.roll = Roll((member("api-server"), member("flusher", silent_s=10.0)), {})
    heartbeat.receive(BeatDue())
    at_first = heartbeat.detail()["ailing"]

    clock.advance(10.0)

    assert at_first == ""
    assert heartbeat.detail() == {
        "replicas": 1,
        "ailing": "nothing is heard of any ws-server, flusher",
    }


def test_nothing_is_missing_where_one_replica_does_the_work_of_all(heartbeat, air, clock):
    air.roll = Roll((member("up", covers=("api-server", "ws-server", "flusher")),), {})
    heartbeat.receive(BeatDue())

    clock.advance(60.0)

    assert heartbeat.detail()["ailing"] == ""


def test_it_takes_the_replica_off_the_list_when_it_stops(heartbeat, air):
    heartbeat.stopped()

    assert air.left == 1


def test_it_stops_in_good_order_while_redis_is_away(heartbeat, air):
    air.away = RedisConnectionError("refused")

    heartbeat.stopped()

    assert air.left == 0


def test_an_outage_is_for_the_supervisor_to_wait_out(heartbeat, air):
    air.away = RedisConnectionError("refused")

    with pytest.raises(RedisConnectionError):
        heartbeat.receive(BeatDue())
