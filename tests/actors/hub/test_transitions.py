"""Pending presence: nothing that happened to a user is lost on the way to Redis."""

from __future__ import annotations

from touchline.actors.hub.transitions import Transitions
from touchline.domain.ids import UserId

ANN, BOB = UserId(5), UserId(6)


def test_a_user_who_left_and_came_back_untold_keeps_the_instant_of_leaving():
    transitions = Transitions()

    transitions.left(ANN, 2_000)
    transitions.joined(ANN)
    transitions.left(ANN, 3_000)

    (change,) = transitions.oldest(10)
    assert change.left_ms == 2_000


def test_what_is_acknowledged_is_forgotten():
    transitions = Transitions()
    transitions.joined(ANN)
    transitions.left(BOB, 1)

    transitions.acknowledge(transitions.oldest(1))

    assert [change.user for change in transitions.oldest(10)] == [BOB]


def test_a_change_during_the_telling_is_not_acknowledged_with_the_older_one():
    transitions = Transitions()
    transitions.left(ANN, 2_000)
    told = transitions.oldest(10)

    transitions.joined(ANN)
    transitions.acknowledge(told)

    assert len(transitions) == 1
