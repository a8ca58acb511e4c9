"""The short list of a user's pushes: as new as the numbers are, or seen to be incomplete."""

from __future__ import annotations

from typing import Any

import pytest
from touchline.domain.positions import Direction
from touchline.domain.pushes import FillPush, PortfolioEvent, WalletPush
from touchline.domain.trading import Side
from touchline.store.missed import missed_pushes
from touchline.store.pubsub import Broadcasts, PortfolioPublished
from touchline.store.rehydrate import rehydrate

from tests.fakes.exchange import ANN, BOB, Exchange

pytestmark = pytest.mark.external

KEPT = 32  #: as in lua/kernel.lua
KEPT_S = 120


@pytest.fixture
def exchange(redis) -> Exchange:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    exchange.fund(BOB)
    return exchange


def missed(exchange: Exchange, after: int) -> Any:
    return missed_pushes(exchange.client, exchange.keys, ANN, after)


def seqs(events: tuple[PortfolioEvent, ...] | None) -> list[int] | None:
    return None if events is None else [event.seq for event in events]


def test_what_is_kept_is_what_was_published(exchange):
    link = Broadcasts(exchange.client)
    link.open()
    link.follow(ANN)
    messages = link.messages()
    next(messages)

    exchange.order(Side.BUY, 2_000)
    exchange.open(Direction.LONG, 1_000)
    exchange.order(Side.SELL, 1_000)
    exchange.fund(ANN, 5_000)

    heard: list[PortfolioEvent] = []
    while len(heard) < 4:
        message = next(messages)
        if isinstance(message, PortfolioPublished):
            heard.append(message.event)
    link.close()
    assert missed(exchange, 1) == tuple(heard)
    assert [type(event.push) for event in heard[::3]] == [FillPush, WalletPush]
    assert missed(exchange, 3) == tuple(heard[2:])
    assert missed(exchange, 5) == ()
    assert missed_pushes(exchange.client, exchange.keys, BOB, 0) is not None


def test_the_last_pushes_are_kept_and_no_more(exchange):
    for _ in range(KEPT + 3):
        exchange.fund(ANN, 1)
    last = 1 + KEPT + 3

    assert seqs(missed(exchange, last - KEPT)) == list(range(last - KEPT + 1, last + 1))
    assert missed(exchange, last - KEPT - 1) is None
    assert exchange.client.llen(exchange.keys.pushes(ANN)) == KEPT


def test_they_are_kept_for_two_minutes_after_the_last(exchange):
    exchange.client.expire(exchange.keys.pushes(ANN), 7)

    exchange.fund(ANN, 1)

    assert KEPT_S - 5 < exchange.client.ttl(exchange.keys.pushes(ANN)) <= KEPT_S
    exchange.client.delete(exchange.keys.pushes(ANN))
    assert missed(exchange, 1) is None
    assert missed(exchange, 2) == ()


def test_a_number_that_nobody_was_given_is_not_answered(exchange):
    assert missed(exchange, 2) is None
    assert missed_pushes(exchange.client, exchange.keys, 99, 0) == ()
    assert missed_pushes(exchange.client, exchange.keys, 99, 1) is None


def test_where_one_is_lacking_the_others_are_not_given_out(exchange):
    """An older program gave a number and kept nothing."""
    exchange.fund(ANN, 1)
    exchange.client.incr(exchange.keys.pfseq(ANN))
    exchange.fund(ANN, 1)

    assert missed(exchange, 1) is None
    assert seqs(missed(exchange, 3)) == [4]


def test_where_the_last_is_lacking_earlier_ones_are_not_given_out_for_it(exchange):
    for _ in range(4):
        exchange.fund(ANN, 1)
    exchange.client.incr(exchange.keys.pfseq(ANN))

    assert missed(exchange, 3) is None


def test_one_of_a_kind_that_is_not_known_here_is_not_passed_over(exchange):
    exchange.fund(ANN, 1)
    exchange.client.rpush(exchange.keys.pushes(ANN), '{"s":3,"e":"prize","d":{}}')
    exchange.client.incr(exchange.keys.pfseq(ANN))
    exchange.fund(ANN, 1)

    assert missed(exchange, 1) is None
    assert seqs(missed(exchange, 3)) == [4]


def test_pushes_of_before_a_loss_are_not_taken_for_those_behind_it(books):
    """The numbers of who has lost something go on far above, and may never be counted to."""
    rehydrate(books.redis, books.keys, books.pg)
    assert books.drain().everything().complete
    seen = int(books.redis.get(books.keys.pfseq(1)))
    kept = books.redis.lrange(books.keys.pushes(1), 0, -1)
    books.redis.flushdb()
    books.redis.rpush(books.keys.pushes(1), *kept)  # as if this had come back and nothing else

    rehydrate(books.redis, books.keys, books.pg)
    assert missed_pushes(books.redis, books.keys, 1, seen - 1) is None
    at = int(books.redis.get(books.keys.pfseq(1)))
    books.trade(user=1)

    assert seqs(missed_pushes(books.redis, books.keys, 1, at)) == [at + 1]
    assert missed_pushes(books.redis, books.keys, 1, seen) is None
