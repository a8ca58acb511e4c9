"""What a user who comes back is told, whether they listen already or only later."""

from typing import Any

import pytest
import redis as redis_module
from touchline.domain.ids import UserId
from touchline.domain.pushes import PortfolioEvent, ReplayPush
from touchline.store.keys import Keys
from touchline.store.missed import missed_pushes
from touchline.store.pubsub import REPLAY_WAITS
from touchline.store.reconnects import Left, Reconnects, Reminders, Taken
from touchline.store.wire import decode_portfolio

pytestmark = pytest.mark.external

ANN, BOB = UserId(5), UserId(6)
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


def back(client: redis_module.Redis, user: UserId = ANN, stamp: int = 1) -> None:
    """*user*, who has something open, is connected and was noted as back."""
    client.hset(KEYS.presence(user), "a ws-server", "1:1")
    client.hset(KEYS.ws_returns, user, str(stamp))
    client.sadd(KEYS.open_by_user(user), "a position")


def told(client: redis_module.Redis, count: int = 1) -> None:
    """Ann comes back *count* times, and a replay is told each time."""
    reconnects = Reconnects(client, KEYS, "one")
    for stamp in range(1, count + 1):
        back(client, stamp=stamp)
        client.delete(KEYS.replay_lock(ANN))
        taken = reconnects.take(ANN)
        assert isinstance(taken, Taken)
        assert reconnects.tell(taken, ReplayPush(stamp, stamp + 1, (), 7))


def test_a_replay_waits_for_whoever_can_show_it_and_is_shown_once(
    redis: redis_module.Redis,
) -> None:
    ear = Ear(redis)
    told(redis)
    assert ear.heard() == [REPLAY_WAITS]

    reminded = [Reminders(redis, KEYS).remind(ANN, 0) for _ in range(2)]

    push = ReplayPush(from_ms=1, to_ms=2, closed=(), checked_ticks=7)
    assert reminded == [(PortfolioEvent(1, push),), ()]
    [shown] = ear.heard()
    assert shown.startswith('{"s":1,"e":"replay","d":{"from":1,"to":2')


def test_a_replay_that_waits_is_not_among_the_pushes_that_were_missed(
    redis: redis_module.Redis,
) -> None:
    """Else whoever resumes would be told of it, and then reminded of it under another number."""
    told(redis, 1)
    assert missed_pushes(redis, KEYS, ANN, 0) == ()

    Reminders(redis, KEYS).remind(ANN, 0)

    missed = missed_pushes(redis, KEYS, ANN, 0)
    assert missed is not None
    assert [(event.seq, event.name) for event in missed] == [(1, "replay")]


def test_a_replay_that_nobody_was_shown_is_not_lost_by_the_next(redis: redis_module.Redis) -> None:
    told(redis, 2)
    redis.set(KEYS.pfseq(ANN), 7)
    ear = Ear(redis)

    pushed = Reminders(redis, KEYS).remind(ANN, 7)

    assert [(each.seq, each.push.from_ms) for each in pushed] == [(8, 1), (9, 2)]
    assert tuple(decode_portfolio(message) for message in ear.heard()) == pushed


def test_a_replay_waits_for_a_snapshot_of_all_that_was_pushed(redis: redis_module.Redis) -> None:
    told(redis)
    redis.set(KEYS.pfseq(ANN), 8)
    ear = Ear(redis)

    assert Reminders(redis, KEYS).remind(ANN, 7) is None

    assert (ear.heard(), redis.get(KEYS.pfseq(ANN))) == ([], "8")
    assert Reminders(redis, KEYS).remind(BOB, 7) == ()
    assert len(Reminders(redis, KEYS).remind(ANN, 8)) == 1


def test_a_replay_comes_with_the_pushes_before_it_as_far_as_they_are_there(
    redis: redis_module.Redis,
) -> None:
    """They are on their way to some, who have to be told them first."""
    reminders, seen = Reminders(redis, KEYS), {}
    for number in range(1, 4):
        told(redis)
        seen[number] = [event.seq for event in reminders.remind(ANN, number - 1)]
    redis.set(KEYS.pfseq(ANN), 10)
    told(redis)
    seen[11] = [event.seq for event in reminders.remind(ANN, 10)]

    assert seen == {1: [1], 2: [1, 2], 3: [1, 2, 3], 11: [11]}


def test_what_waits_is_kept_for_some_minutes_and_is_no_more_than_a_few(
    redis: redis_module.Redis,
) -> None:
    client: Any = redis

    told(redis, 25)

    assert 0 < client.ttl(KEYS.replay(ANN)) <= 600
    assert client.llen(KEYS.replay(ANN)) == 20


def test_whoever_does_not_know_what_waits_reads_nothing_in_it() -> None:
    assert decode_portfolio(REPLAY_WAITS) is None


def test_of_some_users_those_are_left_for_whom_nothing_is_to_be_done(
    redis: redis_module.Redis,
) -> None:
    users = [UserId(number) for number in range(1, 6)]
    for user in users[1:]:
        back(redis, user)
    redis.delete(KEYS.presence(2), KEYS.open_by_user(3))
    redis.set(KEYS.last_seen(2), 1)
    redis.set(KEYS.last_seen(3), 1)
    redis.set(KEYS.replay_lock(4), "another")

    left = Reconnects(redis, KEYS, "one").left(users)

    assert left == {1: Left.ELSEWHERE, 2: Left.GONE, 3: Left.NOTHING, 4: Left.ELSEWHERE}
    assert redis.hkeys(KEYS.ws_returns) == ["4", "5"]
    assert redis.exists(KEYS.last_seen(2), KEYS.last_seen(3)) == 1
    assert not redis.exists(KEYS.replay_lock(5))


def test_a_return_that_is_taken_waits_for_nobody_until_the_lock_is_gone(
    redis: redis_module.Redis,
) -> None:
    back(redis)
    one, other = Reconnects(redis, KEYS, "one"), Reconnects(redis, KEYS, "other")

    assert (one.waiting(), one.waiting(older_than_s=0.0)) == ([ANN], [ANN])
    assert isinstance(one.take(ANN), Taken)

    assert (one.waiting(), other.waiting()) == ([], [])
    assert (one.take(ANN), other.take(ANN)) == (Left.ELSEWHERE, Left.ELSEWHERE)
    redis.delete(KEYS.replay_lock(ANN))
    assert isinstance(other.take(ANN), Taken)


def test_what_is_told_of_an_older_return_than_was_taken_is_refused(
    redis: redis_module.Redis,
) -> None:
    reconnects = Reconnects(redis, KEYS, "one")
    back(redis, stamp=1)
    older = reconnects.take(ANN)
    back(redis, stamp=2)
    redis.delete(KEYS.replay_lock(ANN))
    newer = reconnects.take(ANN)
    assert isinstance(older, Taken)
    assert isinstance(newer, Taken)

    assert not reconnects.tell(older, DIGEST)
    assert reconnects.tell(newer, DIGEST)
    assert not reconnects.tell(newer, DIGEST)
