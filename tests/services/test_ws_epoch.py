"""Redis is put back under a running hub: whoever listens is shown everything anew, and is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from touchline.services.boot import prepare
from touchline.services.stores import Stores, open_stores
from touchline.store.embedded import Embedded
from touchline.store.outage import OUTAGES
from touchline.store.rehydrate import rehydrate

from tests.fakes.bookkeeping import Books
from tests.fakes.hub import RunningHub, Session
from tests.processes import eventually
from tests.services.test_redis_restarts import RestartedRedis

CHANNELS = ["price:7", "portfolio"]


@pytest.fixture
def books(books: Books) -> Books:
    rehydrate(books.redis, books.keys, books.pg)
    return books


@pytest.fixture
def hub(books: Books) -> Iterator[RunningHub]:
    with RunningHub(books.redis, keys=books.keys) as hub:
        yield hub


def put_back(books: Books) -> int:
    """What a restart brings about that has lost nothing; the epoch that begins."""
    books.redis.set(books.keys.meta("run_id"), "the one before")
    done = rehydrate(books.redis, books.keys, books.pg)
    assert done is not None
    return done.epoch


def shown(session: Session) -> dict[str, tuple[int, int]]:
    """Epoch and number of the next two messages, which are snapshots."""
    found = [session.next() for _ in CHANNELS]
    assert {each["op"] for each in found} == {"snapshot"}
    return {each["channel"]: (each["epoch"], each["seq"]) for each in found}


def test_everything_is_shown_anew_when_redis_was_put_back(hub, books):
    with hub.connect(1) as ann:
        ann.ask("subscribe", channels=CHANNELS)
        before = shown(ann)

        epoch = put_back(books)

        after = shown(ann)
        assert after == {channel: (epoch, seq) for channel, (_, seq) in before.items()}
        assert all(old < epoch for old, _ in before.values())


def test_no_price_of_a_new_epoch_is_told_before_its_snapshot(hub, books):
    with hub.connect(1) as ann:
        ann.ask("subscribe", channels=["price:7"])
        seq = ann.next()["seq"]

        epoch = put_back(books)
        books.trade(user=2)

        snapshot = ann.next()
        assert (snapshot["op"], snapshot["epoch"]) == ("snapshot", epoch)
        # The trade may be in it, or come behind it.
        assert snapshot["seq"] == seq + 1 or ann.next()["seq"] == seq + 1


def test_an_emptied_redis_is_a_new_epoch_once_it_is_back(hub, books):
    books.drain().flush()
    with hub.connect(1) as ann:
        ann.ask("subscribe", channels=CHANNELS)
        before = shown(ann)

        books.redis.flushdb()
        done = rehydrate(books.redis, books.keys, books.pg)

        after = shown(ann)
        assert done is not None
        assert {epoch for epoch, _ in after.values()} == {done.epoch}
        assert done.epoch > before["portfolio"][0]


def test_whoever_resumes_from_an_epoch_that_is_over_is_shown_everything(hub, books):
    with hub.connect(1) as ann:
        ann.ask("subscribe", channels=CHANNELS)
        before = shown(ann)
        (old, seq), (_, portfolio) = (before[channel] for channel in CHANNELS)
        epoch = put_back(books)
        shown(ann)

    with hub.connect(1) as ann:
        assert ann.ask("resume", epoch=old, price={"7": seq}, portfolio=portfolio)["ok"]
        assert shown(ann) == {"price:7": (epoch, seq), "portfolio": (epoch, portfolio)}

    with hub.connect(1) as ann:
        assert ann.ask("resume", epoch=epoch, price={"7": seq}, portfolio=portfolio)["ok"]
        assert ann.ask("ping")["op"] == "pong"
        books.trade(user=1)
        assert {ann.next()["op"], ann.next()["op"]} == {"update"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RestartedRedis]:
    with Embedded(tmp_path / "data", fsync=False) as embedded:
        yield RestartedRedis(tmp_path / "data", embedded)


def test_a_number_that_is_given_twice_is_not_taken_for_the_one_that_was_lost(world):
    """Redis is killed and has lost a trade; the next one has its tick's number."""
    stores = open_stores(world.servers, "ws-server", connections=4)
    prepare(stores)
    books = Books(stores.redis, stores.pg)
    assert books.drain().everything().complete
    world.keep()
    with RunningHub(stores.redis, keys=books.keys) as hub:
        with hub.connect(1) as ann:
            ann.ask("subscribe", channels=["price:7"])
            first = ann.next()
            books.trade(user=2, qty=9_000)
            lost = ann.next()

            world.restart_as_kept()
            eventually(lambda: came_back(stores))

            again = ann.next()
            assert (again["op"], again["seq"], again["data"]) == ("snapshot", 0, first["data"])
            assert again["epoch"] > first["epoch"]
            books.trade(user=2, qty=1_000)
            given = ann.next()
            assert given["seq"] == lost["seq"] == 1
            assert given["data"]["mark"] != lost["data"]["mark"]

        with hub.connect(1) as ann:
            ann.ask("resume", epoch=first["epoch"], price={"7": lost["seq"]})
            shown = ann.next()
            assert (shown["op"], shown["seq"]) == ("snapshot", 1)
            assert shown["data"]["mark"] == given["data"]["mark"]
    stores.close()


def came_back(stores: Stores) -> bool:
    """Whether Redis is put back by now."""
    try:
        prepare(stores)
    except OUTAGES:
        return False
    return True
