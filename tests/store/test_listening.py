"""Subscriptions that wake an actor: what each word is about, and a link that is cut."""

from __future__ import annotations

import pytest
import redis as redis_module
from touchline.domain.trading import Side
from touchline.store.keys import USER_RECONNECT
from touchline.store.listening import doorbell, returns

from tests.fakes.exchange import ANN, ARS, BOB, EVE, Exchange


def test_the_doorbell_names_the_club_of_every_price(redis: redis_module.Redis) -> None:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    bell = doorbell(redis)
    bell.open()

    exchange.order(Side.BUY, 1_000, idx=EVE)
    exchange.order(Side.BUY, 1_000, idx=ARS)

    messages = bell.messages()
    assert [next(messages), next(messages)] == [EVE, ARS]
    bell.close()


def test_a_return_names_the_user(redis: redis_module.Redis) -> None:
    returning = returns(redis)
    returning.open()

    redis.publish(USER_RECONNECT, BOB)

    assert next(returning.messages()) == BOB
    returning.close()


def test_a_cut_link_is_an_outage(redis: redis_module.Redis) -> None:
    bell = doorbell(redis)
    bell.open()
    redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    with pytest.raises(redis_module.exceptions.ConnectionError):
        next(bell.messages())
    bell.close()


def test_one_that_never_opened_can_be_closed(redis: redis_module.Redis) -> None:
    doorbell(redis).close()
