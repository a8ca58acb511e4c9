"""Matches over real sockets: what the scheduler records, everybody who listens is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from touchline.domain.fixture_views import fixture_view
from touchline.store.rehydrate import rehydrate

from tests.fakes.hub import RunningHub
from tests.fakes.matchday import KICKOFF, LEADING, WON, Exchange

CHANNEL = "fixture:500"


@pytest.fixture
def exchange(redis, pg) -> Exchange:
    return Exchange(redis, pg).start()


@pytest.fixture
def hub(redis, exchange) -> Iterator[RunningHub]:
    with RunningHub(redis, keys=exchange.keys) as hub:
        yield hub


def shown(exchange: Exchange) -> dict[str, object]:
    """What `GET /v1/fixtures/500` answers."""
    row = exchange.fixtures.fixture(500)
    assert row is not None
    return fixture_view(row)


def test_a_match_is_shown_and_then_every_change_of_it_to_its_settlement(hub, exchange):
    with hub.connect() as ann:
        assert ann.ask("subscribe", channels=[CHANNEL])["ok"]
        snapshot = ann.next()
        assert (snapshot["op"], snapshot["data"]) == ("snapshot", shown(exchange))
        seq = snapshot["seq"]

        for look in (KICKOFF, LEADING, WON):
            exchange.poll(look)
            update = ann.next()
            assert (update["op"], update["channel"]) == ("update", CHANNEL)
            assert update["data"] == shown(exchange)
            assert update["seq"] > seq
            seq = update["seq"]
        exchange.poll(after_s=120)

        assert ann.next()["data"]["settled_at"] == shown(exchange)["settled_at"]


def test_a_match_that_nobody_plays_is_refused_by_name(hub):
    with hub.connect() as ann:
        answer = ann.ask("subscribe", channels=[CHANNEL, "fixture:999"])

        assert answer["error"] == {"code": "CHANNEL_UNKNOWN", "channel": "fixture:999"}
        assert ann.ask("ping")["op"] == "pong"


def test_whoever_resumes_is_shown_a_match_only_if_it_changed(hub, exchange):
    with hub.connect() as ann:
        ann.ask("subscribe", channels=[CHANNEL])
        snapshot = ann.next()
    known = {"epoch": snapshot["epoch"], "fixture": {"500": snapshot["seq"]}}

    with hub.connect() as ann:
        ann.ask("resume", **known)
        assert ann.ask("ping")["op"] == "pong"
    exchange.poll(KICKOFF)
    with hub.connect() as ann:
        ann.ask("resume", **known)
        assert ann.next()["data"]["state"] == "INPLAY_1ST_HALF"


def test_losing_the_link_costs_no_change_of_a_match(hub, exchange, redis):
    with hub.connect() as ann:
        ann.ask("subscribe", channels=[CHANNEL])
        ann.next()

        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        exchange.poll(KICKOFF)

        assert ann.next()["data"] == shown(exchange)
        exchange.poll(LEADING)
        assert ann.next()["data"]["score"] == {"home": 1, "away": 0}


def test_a_match_outlives_a_redis_that_was_emptied(hub, exchange, redis):
    exchange.poll(KICKOFF)
    with hub.connect() as ann:
        ann.ask("subscribe", channels=[CHANNEL])
        epoch = ann.next()["epoch"]
        redis.flushdb()
        done = rehydrate(redis, exchange.keys, exchange.pg)
        assert done is not None

        exchange.poll(LEADING)

        again = ann.next()
        assert (again["op"], again["epoch"]) == ("snapshot", done.epoch)
        assert done.epoch > epoch
        while again["data"]["score"] != {"home": 1, "away": 0}:
            again = ann.next()
        assert again["data"] == shown(exchange)
