"""Presence between the lobby's transitions and replicas that record or refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import redis.exceptions
from touchline.actors.hub.messages import BeatDue, ReapDue, TransitionsDue
from touchline.actors.hub.presence import BATCH, Presence
from touchline.domain.ids import UserId
from touchline.store.presence import Whereabouts

ANN, BOB = UserId(5), UserId(6)


class RecordedReplicas:
    """Redis' side: alive, thought dead, or not to be reached."""

    name = "here"

    def __init__(self) -> None:
        self.known = True
        self.refuses = False
        self.down = False
        self.log: list[Any] = []

    def beat(self, told_ms: int) -> bool:
        self._reach("beat")
        self.told_ms = told_ms
        known, self.known = self.known, True
        return known

    def tell(self, changes: Sequence[Whereabouts], now_ms: int) -> bool:
        self._reach(tuple(changes))
        return self.known and not self.refuses

    def reap(self) -> int:
        self._reach("reap")
        return 0

    def quit(self) -> None:
        self._reach("quit")

    def take(self) -> list[Any]:
        taken, self.log = self.log, []
        return taken

    def _reach(self, what: object) -> None:
        if self.down:
            raise redis.exceptions.ConnectionError
        self.log.append(what)


@pytest.fixture
def replicas() -> RecordedReplicas:
    return RecordedReplicas()


@pytest.fixture
def presence(stage: Any, replicas: RecordedReplicas) -> Presence:
    presence = Presence(replicas, stage.lobby)
    presence.started()
    replicas.take()
    return presence


def test_it_beats_before_it_says_who_is_here(stage, replicas):
    stage.seat(ANN)

    Presence(replicas, stage.lobby).started()

    assert replicas.log == ["beat", (Whereabouts(ANN, None, here=True),)]


def test_joins_and_leaves_are_told_as_they_stand_now(presence, stage, replicas):
    stage.seat(ANN)
    bob, _ = stage.seat(BOB)
    stage.lobby.left(bob, "gone")
    assert stage.presence.told == [TransitionsDue()] * 3

    presence.receive(TransitionsDue())

    assert replicas.take() == [
        (
            Whereabouts(ANN, None, here=True),
            Whereabouts(BOB, stage.lobby.now(), here=False),
        )
    ]
    presence.receive(TransitionsDue())
    assert replicas.take() == []


def test_a_second_connection_of_a_user_is_no_transition(presence, stage, replicas):
    stage.seat(ANN)
    presence.receive(TransitionsDue())
    replicas.take()

    second, _ = stage.seat(ANN)
    stage.lobby.left(second, "gone")
    presence.receive(TransitionsDue())

    assert replicas.take() == []


def test_an_outage_delays_a_transition_and_keeps_its_instant(presence, stage, replicas):
    ann, _ = stage.seat(ANN)
    presence.receive(TransitionsDue())
    replicas.take()
    replicas.down = True
    left = stage.lobby.now()
    stage.lobby.left(ann, "gone")
    with pytest.raises(redis.exceptions.ConnectionError):
        presence.receive(TransitionsDue())

    stage.clock.advance(60)
    stage.seat(ANN)
    replicas.down = False
    Presence(replicas, stage.lobby).started()

    assert replicas.take() == ["beat", (Whereabouts(ANN, left, here=True),)]
    assert replicas.told_ms == left.ms


def test_a_replica_that_was_thought_dead_tells_everybody_again(presence, stage, replicas):
    stage.seat(ANN)
    stage.seat(BOB)
    presence.receive(TransitionsDue())
    replicas.take()

    replicas.known = False
    presence.receive(BeatDue())

    assert replicas.take() == [
        "beat",
        "beat",
        (Whereabouts(ANN, None, here=True), Whereabouts(BOB, None, here=True)),
    ]


def test_a_replica_that_was_thought_dead_tells_again_who_has_left_lately(presence, stage, replicas):
    ann, _ = stage.seat(ANN)
    left = stage.lobby.now()
    stage.lobby.left(ann, "gone")
    presence.receive(TransitionsDue())
    replicas.take()
    stage.clock.advance(9)

    replicas.known = False
    presence.receive(BeatDue())

    assert replicas.take() == ["beat", "beat", (Whereabouts(ANN, left, here=False),)]
    assert replicas.told_ms == left.ms


def test_told_that_it_counts_as_dead_it_beats_and_tells_again(presence, stage, replicas):
    stage.seat(ANN)
    replicas.known = False

    presence.receive(TransitionsDue())
    assert presence.actor_inbox.queued() == (BeatDue(),)
    presence.receive(BeatDue())

    told = (Whereabouts(ANN, None, here=True),)
    assert replicas.take() == [told, "beat", "beat", told]


def test_many_transitions_go_in_batches(presence, stage, replicas):
    for number in range(BATCH + 1):
        stage.seat(UserId(100 + number))

    presence.receive(TransitionsDue())

    assert [len(batch) for batch in replicas.take()] == [BATCH, 1]


def test_the_dead_are_looked_for_from_time_to_time(presence, replicas):
    presence.receive(ReapDue())

    assert replicas.take() == ["reap"]
    assert [timer.message for timer in presence.timers] == [BeatDue(), ReapDue()]


def test_stopping_says_that_everybody_left_at_once_and_then_that_it_is_gone(
    presence, stage, replicas
):
    stage.seat(ANN)
    presence.receive(TransitionsDue())
    stage.seat(BOB)
    replicas.take()

    presence.stopped()

    now = stage.lobby.now()
    left = {Whereabouts(ANN, now, here=False), Whereabouts(BOB, now, here=False)}
    first, told, last = replicas.take()
    assert set(told) == left
    assert (first, last) == ("beat", "quit")
    assert len(stage.lobby.transitions) == 0


def test_a_stop_that_is_not_told_leaves_it_to_the_heartbeat(presence, stage, replicas):
    stage.seat(ANN)
    replicas.take()
    replicas.refuses = True

    presence.stopped()

    assert replicas.take() == ["beat", (Whereabouts(ANN, stage.lobby.now(), here=False),)]


def test_a_stop_tells_again_who_has_left_lately_if_that_is_lost(presence, stage, replicas):
    ann, _ = stage.seat(ANN)
    left = stage.lobby.now()
    stage.lobby.left(ann, "gone")
    presence.receive(TransitionsDue())
    replicas.take()
    stage.clock.advance(1)

    replicas.known = False
    presence.stopped()

    assert replicas.take() == ["beat", "beat", (Whereabouts(ANN, left, here=False),), "quit"]
