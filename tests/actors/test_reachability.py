"""Reachability: what answers, what does not, and since when."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from touchline.actors.reachability import EVERY_S, LookDue, Reachability
from touchline.domain.clock import rfc3339

from tests.fakes.clock import FakeClock


class Server:
    """Answers, or fails with what the test says."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    def __call__(self) -> None:
        if self.failure:
            raise self.failure


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def redis():
    return Server()


@pytest.fixture
def found():
    return {}


@pytest.fixture
def reachability(redis, found, clock):
    return Reachability({"redis": redis, "postgres": Server()}, found, clock.calendar)


def test_it_has_looked_before_anybody_asks(reachability, found):
    reachability.started()

    assert found == {"redis": True, "postgres": True}
    assert [timer.seconds for timer in reachability.timers] == [EVERY_S]


def test_what_is_away_is_named_with_the_reason_and_the_others_go_on(reachability, redis, found):
    redis.failure = RedisConnectionError("refused\nfor good")

    reachability.receive(LookDue())

    assert found == {"redis": "ConnectionError: refused", "postgres": True}


def test_it_says_since_when_and_forgets_it_when_it_is_over(reachability, redis, clock):
    redis.failure = RedisConnectionError("refused")
    since = rfc3339(clock.calendar())
    for _ in range(3):
        reachability.receive(LookDue())
        clock.advance(1.0)
    away = reachability.detail()

    redis.failure = None
    reachability.receive(LookDue())

    assert away == {"away_since": {"redis": since}}
    assert reachability.detail() == {}


def test_a_bug_in_a_probe_is_not_taken_for_an_outage(reachability, redis):
    redis.failure = KeyError("bug")

    with pytest.raises(KeyError):
        reachability.receive(LookDue())


def test_what_hangs_has_been_away_since_it_was_asked(clock):
    def hang() -> None:
        clock.advance(8.0)
        raise RedisConnectionError("timed out")

    reachability = Reachability({"redis": hang}, {}, clock.calendar)
    asked = rfc3339(clock.calendar())

    reachability.receive(LookDue())

    assert reachability.detail() == {"away_since": {"redis": asked}}
