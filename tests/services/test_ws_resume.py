"""Coming back over real sockets: every event of a portfolio once, or the whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import gevent
import pytest
import redis as redis_module
from gevent.lock import BoundedSemaphore
from redis.exceptions import ConnectionError as RedisConnectionError
from touchline.domain.ids import UserId
from touchline.domain.positions import Direction
from touchline.domain.pushes import PortfolioEvent, ReplayPush
from touchline.domain.trading import Side
from touchline.store.reconnects import Reminders

from tests.fakes.exchange import ANN, Exchange
from tests.fakes.hub import RunningHub, Session
from tests.fakes.returns import tell_replay
from tests.processes import eventually

KEPT = 32  #: pushes, as in lua/kernel.lua


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Exchange:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    return exchange


@pytest.fixture
def hub(redis: redis_module.Redis, exchange: Exchange) -> Iterator[RunningHub]:
    with RunningHub(redis) as hub:
        yield hub


def seen(hub: RunningHub) -> tuple[int, int]:
    """Epoch and number of the portfolio, as a client that goes away knows it."""
    with hub.connect() as ann:
        ann.ask("subscribe", channels=["portfolio"])
        snapshot = ann.next()
    return snapshot["epoch"], snapshot["seq"]


def resumed(session: Session, epoch: int | None, seq: int) -> None:
    named = {} if epoch is None else {"epoch": epoch}
    assert session.ask("resume", portfolio=seq, **named)["ok"]


@pytest.mark.parametrize("named", [True, False])
def test_what_was_missed_comes_as_it_would_have_come(hub, exchange, named):
    epoch, seq = seen(hub)
    with hub.connect() as phone:
        phone.ask("subscribe", channels=["portfolio"])
        phone.next()
        exchange.order(Side.BUY, 2_000)
        exchange.open(Direction.LONG, 1_000)
        exchange.fund(ANN, 5_000)
        live = [phone.next() for _ in range(3)]

    with hub.connect() as ann:
        resumed(ann, epoch if named else None, seq)
        assert [ann.next() for _ in live] == live
        exchange.fund(ANN, 5_000)
        assert ann.next()["seq"] == seq + 4


def test_who_has_missed_nothing_is_told_nothing(hub, exchange):
    epoch, seq = seen(hub)

    with hub.connect() as ann:
        resumed(ann, epoch, seq)
        exchange.fund(ANN, 5_000)
        update = ann.next()
        assert (update["op"], update["seq"]) == ("update", seq + 1)


def test_who_has_missed_more_than_is_kept_is_shown_the_portfolio(hub, exchange):
    epoch, seq = seen(hub)
    for _ in range(KEPT):
        exchange.fund(ANN, 5_000)

    with hub.connect() as ann:
        resumed(ann, epoch, seq)
        assert [ann.next()["seq"] for _ in range(KEPT)] == list(range(seq + 1, seq + KEPT + 1))
    exchange.fund(ANN, 5_000)
    with hub.connect() as ann:
        resumed(ann, epoch, seq)
        snapshot = ann.next()
        assert (snapshot["op"], snapshot["seq"]) == ("snapshot", seq + KEPT + 1)


@pytest.mark.parametrize("wrong", ["epoch", "number"])
def test_who_names_what_has_not_been_is_shown_the_portfolio(hub, wrong):
    epoch, seq = seen(hub)
    if wrong == "epoch":
        epoch += 1
    else:
        seq += 1

    with hub.connect() as ann:
        resumed(ann, epoch, seq)
        assert ann.next()["op"] == "snapshot"


def test_what_expired_is_shown_as_the_portfolio(hub, exchange):
    epoch, seq = seen(hub)
    exchange.fund(ANN, 5_000)
    exchange.client.delete(exchange.keys.pushes(ANN))  # as after two minutes

    with hub.connect() as ann:
        resumed(ann, epoch, seq)
        assert ann.next()["op"] == "snapshot"


def test_a_replay_that_waited_is_told_once_to_who_resumes(hub, exchange):
    exchange.open(Direction.LONG, 1_000)
    epoch, seq = seen(hub)
    eventually(lambda: not exchange.client.pubsub_numsub("portfolio:5")[0][1])
    digest = ReplayPush(from_ms=1_000, to_ms=2_000, closed=(), checked_ticks=7)
    tell_replay(exchange.client, exchange.keys, ANN, digest)

    with hub.connect() as ann:
        resumed(ann, epoch, seq)
        replay = ann.next()
        assert (replay["event"], replay["seq"]) == ("replay", seq + 1)
        exchange.fund(ANN, 5_000)
        assert ann.next()["event"] == "wallet"


def test_a_replay_that_was_taken_as_the_link_to_redis_broke_is_told_all_the_same(redis, exchange):
    """It has its number by then, and is in no portfolio that is read after that."""
    reminders, breaks = Reminders(redis, exchange.keys), [False, True]

    def remind(user: UserId, seq: int) -> Sequence[PortfolioEvent] | None:
        pushed = reminders.remind(user, seq)
        if pushed and breaks.pop():
            raise RedisConnectionError("the answer is lost")
        return pushed

    exchange.open(Direction.LONG, 1_000)
    with RunningHub(redis, remind=remind) as hub, hub.connect() as ann:
        ann.ask("subscribe", channels=["portfolio"])
        seq = ann.next()["seq"]
        digest = ReplayPush(from_ms=1_000, to_ms=2_000, closed=(), checked_ticks=7)
        tell_replay(exchange.client, exchange.keys, ANN, digest)

        replay = ann.next()
        assert (replay["event"], replay["seq"]) == ("replay", seq + 1)
        exchange.fund(ANN, 5_000)
        assert ann.next()["seq"] == seq + 2
    assert breaks == [False]


def test_a_client_that_comes_and_goes_sees_every_event_once(hub, exchange):
    epoch, seq = seen(hub)
    events, ahead = 150, BoundedSemaphore(KEPT)

    def grants() -> None:
        for _ in range(events):
            ahead.acquire()
            exchange.fund(ANN, 5_000)

    giver = gevent.spawn(grants)
    found = [seq]
    while found[-1] < seq + events:
        with hub.connect() as ann:
            resumed(ann, epoch, found[-1])
            for _ in range(min(9, seq + events - found[-1])):
                update = ann.next()
                assert update["op"] == "update"
                found.append(update["seq"])
                ahead.release()
    giver.join()

    assert found == list(range(seq, seq + events + 1))
