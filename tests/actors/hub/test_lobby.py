"""Who has left when, as the lobby finds it."""

from __future__ import annotations

import pytest
from touchline.actors.hub.pulse import LATE_S
from touchline.domain.ids import UserId

ANN = UserId(5)


def turn(stage, seconds: int) -> None:
    """Let the loop turn for so long."""
    for _ in range(seconds):
        stage.clock.advance(1)
        stage.lobby.pulse.beat(stage.lobby.now())


def departures(stage) -> list[object]:
    return [change.left for change in stage.lobby.transitions.oldest(10)]


@pytest.mark.parametrize("reason", ["gone", "by client", "1012", "4401"])
def test_a_client_that_says_goodbye_leaves_then(stage, reason):
    ann, _ = stage.seat(ANN)
    turn(stage, 20)

    stage.lobby.left(ann, reason)

    assert departures(stage) == [stage.lobby.now()]


@pytest.mark.parametrize("reason", ["reset", "1011", "4408"])
def test_a_client_that_ends_silently_left_with_its_last_word(stage, reason):
    ann, link = stage.seat(ANN)
    turn(stage, 5)
    link.heard_at = stage.clock.monotonic()
    then = stage.lobby.now()
    turn(stage, 35)

    stage.lobby.left(ann, reason)

    assert departures(stage) == [then]


def test_a_client_found_gone_when_the_process_goes_on_left_when_that_stood_still(stage):
    ann, _ = stage.seat(ANN)
    turn(stage, 5)
    then = stage.lobby.now()
    stage.clock.stall(LATE_S + 10)

    stage.lobby.left(ann, "gone")

    assert departures(stage) == [then]
    assert stage.lobby.told_ms() == then.ms


def test_a_client_that_changes_its_network_was_away_until_its_new_connection(stage):
    first, link = stage.seat(ANN)
    turn(stage, 5)
    link.heard_at = stage.clock.monotonic()
    then = stage.lobby.now()
    turn(stage, 3)
    stage.seat(ANN)
    stage.lobby.transitions.acknowledge(stage.lobby.transitions.oldest(10), 0.0)
    turn(stage, 30)

    stage.lobby.left(first, "1011")

    assert departures(stage) == [then]
    assert stage.lobby.present(ANN)


def test_a_client_that_opens_a_second_connection_before_it_closes_the_first_was_not_away(stage):
    first, _ = stage.seat(ANN)
    turn(stage, 5)
    stage.seat(ANN)
    stage.lobby.transitions.acknowledge(stage.lobby.transitions.oldest(10), 0.0)

    stage.lobby.left(first, "gone")

    assert departures(stage) == []


def test_a_heartbeat_vouches_for_what_is_told_and_seen(stage):
    ann, _ = stage.seat(ANN)
    turn(stage, 5)
    assert stage.lobby.told_ms() == stage.clock.calendar()

    stage.lobby.left(ann, "gone")
    left_ms = stage.clock.calendar()
    turn(stage, 5)

    assert stage.lobby.told_ms() == left_ms
