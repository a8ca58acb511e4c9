"""Pending presence: nothing that happened to a user is lost on the way to Redis."""

from __future__ import annotations

from touchline.actors.hub.transitions import KEPT_S, Transitions
from touchline.domain.clock import Moment
from touchline.domain.ids import UserId

ANN, BOB = UserId(5), UserId(6)


def at(ms: int) -> Moment:
    return Moment(ms, ms / 1000)


def test_a_user_who_left_and_came_back_untold_keeps_the_instant_of_leaving():
    transitions = Transitions()

    transitions.left(ANN, at(2_000))
    transitions.joined(ANN)
    transitions.left(ANN, at(3_000))

    (change,) = transitions.oldest(10)
    assert change.left == at(2_000)


def test_what_is_acknowledged_is_forgotten():
    transitions = Transitions()
    transitions.joined(ANN)
    transitions.left(BOB, at(1))

    transitions.acknowledge(transitions.oldest(1), 1.0)

    assert [change.user for change in transitions.oldest(10)] == [BOB]


def test_a_change_during_the_telling_is_not_acknowledged_with_the_older_one():
    transitions = Transitions()
    transitions.left(ANN, at(2_000))
    told = transitions.oldest(10)

    transitions.joined(ANN)
    transitions.acknowledge(told, 2.0)

    assert len(transitions) == 1


def test_what_is_not_acknowledged_bounds_up_to_when_all_is_told():
    transitions = Transitions()
    transitions.joined(ANN)

    assert transitions.told_ms(9_000) == 9_000
    transitions.left(BOB, at(3_000))
    transitions.left(ANN, at(2_000))

    assert transitions.told_ms(9_000) == 2_000


def test_departures_of_the_last_minute_can_be_told_again_and_older_ones_are_forgotten():
    transitions = Transitions()
    transitions.left(ANN, at(2_000))
    transitions.acknowledge(transitions.oldest(1), 2.0)
    transitions.left(BOB, at(3_000))
    transitions.acknowledge(transitions.oldest(1), 3.0)

    transitions.acknowledge([], 2.5 + KEPT_S)
    transitions.repeat()

    assert [(each.user, each.left) for each in transitions.oldest(10)] == [(BOB, at(3_000))]


def test_whoever_leaves_again_is_kept_for_a_minute_from_then_on():
    transitions = Transitions()
    for user, ms in ((ANN, 2_000), (BOB, 3_000), (ANN, 50_000)):
        transitions.left(user, at(ms))
        transitions.acknowledge(transitions.oldest(1), ms / 1000)

    transitions.acknowledge([], 4.0 + KEPT_S)
    transitions.repeat()

    assert [(each.user, each.left) for each in transitions.oldest(10)] == [(ANN, at(50_000))]
