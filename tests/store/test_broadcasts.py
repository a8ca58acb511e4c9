"""The pub/sub link: typed values, confirmed subscriptions, and a silence that is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_module
from touchline.domain.ids import UserId
from touchline.store.pubsub import Broadcasts, FollowStarted, PortfolioPublished, PricePublished
from touchline.store.tickets import REMEMBERED_S, Tickets

from tests.fakes.exchange import ANN, ARS, BOB, Exchange, Side


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Exchange:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    exchange.fund(BOB)
    return exchange


@pytest.fixture
def broadcasts(redis: redis_module.Redis) -> Iterator[Broadcasts]:
    broadcasts = Broadcasts(redis)
    broadcasts.open()
    yield broadcasts
    broadcasts.close()


def test_ticks_of_all_and_pushes_of_followed_users_arrive_as_values(broadcasts, exchange):
    messages = broadcasts.messages()
    broadcasts.follow(ANN)
    assert next(messages) == FollowStarted(ANN)

    exchange.order(Side.BUY, 1_000, user=BOB)
    exchange.order(Side.BUY, 2_000, user=ANN)

    published = [next(messages) for _ in range(3)]
    ticks = [each.tick for each in published if isinstance(each, PricePublished)]
    pushes = [each for each in published if isinstance(each, PortfolioPublished)]
    assert [(tick.idx, tick.seq) for tick in ticks] == [(ARS, 1), (ARS, 2)]
    assert [(push.user, push.event.seq, push.event.name) for push in pushes] == [(ANN, 2, "fill")]


def test_a_user_no_longer_followed_is_not_heard_of(broadcasts, exchange):
    messages = broadcasts.messages()
    broadcasts.follow(ANN, BOB)
    assert {next(messages), next(messages)} == {FollowStarted(ANN), FollowStarted(BOB)}
    broadcasts.unfollow(ANN)

    exchange.fund(ANN)
    exchange.fund(BOB)

    push = next(messages)
    assert isinstance(push, PortfolioPublished)
    assert push.user == BOB


def test_a_cut_link_is_an_outage_and_not_mended_in_silence(broadcasts, redis):
    messages = broadcasts.messages()
    broadcasts.follow(UserId(9))
    next(messages)

    redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    with pytest.raises(redis_module.exceptions.ConnectionError):
        next(messages)


class SilentPubSub:
    """A link whose other end vanished: pings go out and nothing ever comes."""

    def __init__(self) -> None:
        self.pings = 0
        self.connection = self

    def pubsub(self) -> SilentPubSub:
        return self

    def psubscribe(self, *pattern: str) -> None: ...

    def can_read(self, timeout: float) -> bool:
        return False

    def ping(self) -> None:
        self.pings += 1


def test_a_link_that_answers_no_ping_is_dead():
    silent = SilentPubSub()
    broadcasts = Broadcasts(silent)  # type: ignore[arg-type]
    broadcasts.open()

    with pytest.raises(redis_module.exceptions.ConnectionError, match="does not answer"):
        next(broadcasts.messages())
    assert silent.pings == 1


def test_a_token_is_spent_once_and_remembered_longer_than_it_lives(redis, exchange):
    tickets = Tickets(redis, exchange.keys)

    assert tickets.spend("a", 5, "session") is None
    assert tickets.spend("a", 5, "session") == "the token was used already"
    assert tickets.spend("b", 5, "session") is None
    assert 60 < redis.ttl(exchange.keys.wsjti("a")) <= REMEMBERED_S
