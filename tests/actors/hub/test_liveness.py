"""Who is pinged, who gets a heartbeat, and who is ended."""

from __future__ import annotations

from collections import Counter

import pytest
from touchline.actors.hub.liveness import HEARTBEAT_TURNS, PING_TURNS, Care, care
from touchline.actors.hub.roster import Client
from touchline.domain.ids import UserId

from tests.fakes.hub import RecordingLink

NOW = 100_000.0


@pytest.fixture
def link() -> RecordingLink:
    return RecordingLink()


def client(link: RecordingLink, number: int = 1, opened_at: float = NOW) -> Client:
    return Client(link, UserId(5), number, opened_at)


def test_every_client_is_pinged_and_greeted_once_per_round(link):
    turns = range(PING_TURNS * HEARTBEAT_TURNS)

    needs = [care(client(link, number=7), NOW, turn) for turn in turns]

    assert sum(need.ping for need in needs) == HEARTBEAT_TURNS
    assert sum(need.heartbeat for need in needs) == PING_TURNS


def test_the_pings_of_many_clients_spread_over_the_round(link):
    pinged = Counter(
        turn
        for turn in range(PING_TURNS)
        for number in range(1000)
        if care(client(link, number), NOW, turn).ping
    )

    assert set(pinged.values()) == {1000 // PING_TURNS}


def test_an_unanswered_ping_ends_the_connection_after_ten_seconds(link):
    link.pinged_at = NOW - 10.0
    assert care(client(link), NOW, 3).end is None

    link.pinged_at = NOW - 10.1
    assert care(client(link), NOW, 3) == Care(end=(1011, "ping unanswered"), abrupt=True)


def test_a_client_that_takes_nothing_for_ten_seconds_is_a_slow_consumer(link):
    link.stalled_at = NOW - 10.1

    assert care(client(link), NOW, 3) == Care(end=(4408, "does not read"), abrupt=True)


def test_after_twelve_hours_a_fresh_token_is_asked_for(link):
    old = client(link, opened_at=NOW - 12 * 3600 - 1)

    assert care(old, NOW, 3) == Care(end=(4401, "connect again with a fresh token"))
