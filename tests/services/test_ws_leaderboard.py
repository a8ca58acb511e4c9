"""The leaderboard over real sockets: what is made of trades, everybody who listens is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from touchline.actors.boards.messages import LeaseDue
from touchline.domain.leaderboard import WEEK_MS, leaderboard_view, week_of
from touchline.store.rehydrate import rehydrate

from tests.fakes.boards import Ranking
from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.facts import AT_MS
from tests.fakes.hub import RunningHub

CHANNEL = "leaderboard:week"
ANN, BOB = 1, 2


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(AT_MS)


@pytest.fixture
def ranking(redis, pg, clock) -> Ranking:
    ranking = Ranking(Books(redis, pg), clock)
    trade(ranking, ANN)
    ranking.rank()
    return ranking


@pytest.fixture
def hub(redis, ranking) -> Iterator[RunningHub]:
    with RunningHub(redis, keys=ranking.books.keys) as hub:
        yield hub


def trade(ranking: Ranking, user: int) -> None:
    """As often as it takes to be ranked."""
    for _ in range(3):
        command = replace(ranking.books.command(user), now_ms=ranking.clock.calendar())
        ranking.books.scripts.execute([command])
    ranking.books.drain().everything()


def shown(ranking: Ranking) -> dict[str, object]:
    """What clients should see now."""
    return leaderboard_view(ranking.told()[1])


def test_the_board_is_shown_and_then_every_change_of_it(hub, ranking):
    with hub.connect() as ann, hub.connect(user=6) as bob:
        for client in (ann, bob):
            assert client.ask("subscribe", channels=[CHANNEL])["ok"]
            snapshot = client.next()
            assert (snapshot["op"], snapshot["channel"]) == ("snapshot", CHANNEL)
            assert snapshot["data"] == shown(ranking)
            assert [each["user_id"] for each in snapshot["data"]["ranks"]] == [ANN]

        ranking.rank()  # nothing is new
        trade(ranking, BOB)
        ranking.rank()

        for client in (ann, bob):
            update = client.next()
            assert (update["op"], update["seq"]) == ("update", snapshot["seq"] + 1)
            assert update["data"] == shown(ranking)
            assert update["data"]["players"] == 2


def test_a_new_week_is_shown_when_the_calendar_begins_it(hub, ranking, clock):
    with hub.connect() as ann:
        ann.ask("subscribe", channels=[CHANNEL])
        assert ann.next()["data"]["week"] == "2026-W43"

        clock.advance((week_of(AT_MS).ends_ms - AT_MS) / 1000)
        ranking.weeks.settle()
        ranking.actor.receive(LeaseDue())
        ranking.rank()

        data = ann.next()["data"]
        assert (data["week"], data["players"], data["ranks"]) == ("2026-W44", 0, [])
        assert data == shown(ranking)
        assert ranking.told()[1].ends_ms == week_of(AT_MS).ends_ms + WEEK_MS


def test_whoever_resumes_is_shown_the_board_only_if_it_changed(hub, ranking):
    with hub.connect() as ann:
        ann.ask("subscribe", channels=[CHANNEL])
        snapshot = ann.next()
    known = {"epoch": snapshot["epoch"], "leaderboard": {"week": snapshot["seq"]}}

    with hub.connect() as ann:
        assert ann.ask("resume", **known)["channels"] == [CHANNEL]
        assert ann.ask("ping")["op"] == "pong"
    trade(ranking, BOB)
    ranking.rank()
    with hub.connect() as ann:
        ann.ask("resume", **known)
        assert ann.next()["data"] == shown(ranking)


def test_losing_the_link_costs_no_change_of_the_board(hub, ranking, redis):
    with hub.connect() as ann:
        ann.ask("subscribe", channels=[CHANNEL])
        ann.next()
        trade(ranking, BOB)

        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        ranking.rank()

        assert ann.next()["data"] == shown(ranking)


def test_a_board_that_an_emptied_redis_has_lost_is_shown_anew_in_another_epoch(
    hub, ranking, redis, clock
):
    with hub.connect() as ann, hub.connect(user=6) as bob:
        ann.ask("subscribe", channels=[CHANNEL])
        before = ann.next()
        redis.flushdb()
        done = rehydrate(redis, ranking.books.keys, ranking.books.pg)
        assert done is not None

        trade(ranking, BOB)
        again = Ranking(ranking.books, clock)

        snapshot = ann.until("snapshot")
        assert (snapshot["epoch"], snapshot["seq"]) == (done.epoch, 1)
        assert snapshot["epoch"] > before["epoch"]
        assert snapshot["data"] == shown(again)
        bob.ask("resume", epoch=before["epoch"], leaderboard={"week": 1})
        assert bob.next() == snapshot


def test_whoever_listens_before_there_is_a_board_is_shown_the_first(redis, pg, clock):
    books = Books(redis, pg)
    with RunningHub(redis, keys=books.keys) as hub, hub.connect() as ann:
        assert ann.ask("subscribe", channels=[CHANNEL])["ok"]

        ranking = Ranking(books, clock)

        first = ann.next()
        assert (first["op"], first["data"]) == ("snapshot", shown(ranking))
