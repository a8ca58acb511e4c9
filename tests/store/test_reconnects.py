"""What a user who comes back is told, whether they listen already or only later."""

from typing import Any

import pytest
import redis as redis_module
from touchline.domain.ids import UserId
from touchline.domain.pushes import ReplayPush
from touchline.store.keys import Keys
from touchline.store.missed import missed_pushes
from touchline.store.reconnects import Reconnects, Reminders

pytestmark = pytest.mark.external

ANN = UserId(5)
KEYS = Keys()
DIGEST = ReplayPush(from_ms=1_000, to_ms=2_000, closed=(), checked_ticks=7)


class Ear:
    """Somebody who follows Ann's portfolio."""

    def __init__(self, client: redis_module.Redis) -> None:
        self._pubsub: Any = client.pubsub()
        self._pubsub.subscribe(f"portfolio:{ANN}")
        self._pubsub.get_message(timeout=1)

    def heard(self) -> list[str]:
        messages = iter(lambda: self._pubsub.get_message(timeout=0.05), None)
        return [message["data"] for message in messages]


def test_a_replay_that_nobody_hears_waits_for_the_first_who_follows(
    redis: redis_module.Redis,
) -> None:
    Reconnects(redis, KEYS, "one").tell(ANN, DIGEST)
    ear = Ear(redis)

    reminded = [Reminders(redis, KEYS).remind(ANN) for _ in range(2)]

    assert reminded == [True, False]
    [told] = ear.heard()
    assert told.startswith('{"s":2,"e":"replay","d":{"from":1000,"to":2000')


def test_a_replay_that_waits_is_not_among_the_pushes_that_were_missed(
    redis: redis_module.Redis,
) -> None:
    """Else whoever resumes would be told of it, and then reminded of it under another number."""
    Reconnects(redis, KEYS, "one").tell(ANN, DIGEST)
    assert missed_pushes(redis, KEYS, ANN, 0) is None
    ear = Ear(redis)

    Reminders(redis, KEYS).remind(ANN)

    missed = missed_pushes(redis, KEYS, ANN, 1)
    assert missed is not None
    assert [(event.seq, event.name) for event in missed] == [(2, "replay")]
    assert len(ear.heard()) == 1


def test_a_replay_that_is_heard_is_not_told_again(redis: redis_module.Redis) -> None:
    ear = Ear(redis)

    Reconnects(redis, KEYS, "one").tell(ANN, DIGEST)

    assert len(ear.heard()) == 1
    assert not Reminders(redis, KEYS).remind(ANN)


def test_what_waits_is_kept_for_some_minutes(redis: redis_module.Redis) -> None:
    client: Any = redis

    Reconnects(redis, KEYS, "one").tell(ANN, DIGEST)

    assert 0 < client.ttl(KEYS.replay(ANN)) <= 600
