"""The wheel shows everybody who needs something, and few besides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.liveness import NOTHING, care
from touchline.actors.hub.roster import Client
from touchline.actors.hub.wheel import ROUND, Wheel
from touchline.domain.ids import UserId

from tests.fakes.hub import RecordingLink

NOW = 100_000.0


def client(number: int, *, pinged_at: float | None = None, stalled_at: float | None = None):
    link = RecordingLink()
    link.pinged_at, link.stalled_at = pinged_at, stalled_at
    return Client(link, UserId(5), number, NOW)


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


since = st.none() | st.floats(NOW - 20, NOW)


@given(
    turn=st.integers(0, 3 * ROUND),
    clients=st.lists(st.builds(client, st.integers(1, 999), pinged_at=since, stalled_at=since)),
)
def test_whoever_needs_something_is_shown_once(turn, clients):
    wheel = Wheel()
    for each in clients:
        wheel.add(each)

    shown = list(wheel.due(turn))

    assert len(shown) == len(set(shown))
    assert {each for each in clients if care(each, NOW, turn) != NOTHING} <= set(shown)


def test_most_clients_are_left_alone_in_most_turns(wheel):
    for number in range(10 * ROUND):
        wheel.add(client(number))

    looks = sum(len(list(wheel.due(turn))) for turn in range(ROUND))

    assert looks == 10 * ROUND * (3 + 5 - 1)  # pings, heartbeats, and once both


def test_a_client_in_doubt_is_looked_at_in_every_turn_until_it_is_not(wheel):
    doubtful = client(1)
    quiet = [turn for turn in range(ROUND) if not list(_shown(wheel, doubtful, turn))]
    doubtful.link.pinged_at = NOW
    wheel.watch(doubtful)

    assert all(list(wheel.due(turn)) == [doubtful] for turn in quiet[:5])

    doubtful.link.pinged_at = None
    assert not any(list(wheel.due(turn)) for turn in quiet)


def test_who_has_left_is_not_shown(wheel):
    gone = client(1, stalled_at=NOW)
    wheel.add(gone)

    wheel.remove(gone)

    assert not any(list(wheel.due(turn)) for turn in range(ROUND))


def _shown(wheel: Wheel, one: Client, turn: int):
    wheel.add(one)
    return wheel.due(turn)
