"""Reads within one life of Redis: whatever is read while it ends, or after, is not given out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from touchline.domain.ids import UserId
from touchline.store.gate import Rehydrating
from touchline.store.life import Superseded
from touchline.store.one_life import OneLife, enter_life
from touchline.store.outage import OUTAGES
from touchline.store.pubsub import Broadcasts, PricePublished
from touchline.store.rehydrate import rehydrate

pytestmark = pytest.mark.external

READS: list[Callable[[OneLife], object]] = [
    lambda life: life.instruments(),
    lambda life: life.portfolios([UserId(1)]),
    lambda life: life.leaderboards(None),
]


@pytest.fixture
def books(books):
    rehydrate(books.redis, books.keys, books.pg)
    return books


def restarted(books):
    """Redis calls itself by another name than is noted."""
    books.redis.set(books.keys.meta("run_id"), "the one before")


def put_back(books, may_go_on: Callable[[], None] = lambda: None):
    restarted(books)
    return rehydrate(books.redis, books.keys, books.pg, may_go_on)


def test_what_is_read_is_what_is_there(books):
    life = enter_life(books.redis, books.keys)

    assert life.instruments() == books.hot.instruments()
    assert life.portfolios([UserId(2), UserId(1)]) == [
        books.hot.portfolio(2),
        books.hot.portfolio(1),
    ]


def test_every_life_has_another_epoch(books):
    before = enter_life(books.redis, books.keys).epoch

    put_back(books)

    assert enter_life(books.redis, books.keys).epoch > before


@pytest.mark.parametrize("read", READS)
def test_nothing_is_read_of_a_life_that_follows(books, read):
    life = enter_life(books.redis, books.keys)
    read(life)

    put_back(books)

    with pytest.raises(Superseded):
        read(life)


@pytest.mark.parametrize("read", READS)
def test_nothing_is_read_while_redis_is_put_back(books, read):
    life, refused = enter_life(books.redis, books.keys), []

    def look() -> None:
        for attempt in (lambda: read(life), lambda: enter_life(books.redis, books.keys)):
            with pytest.raises(Rehydrating):
                attempt()
        refused.append(True)

    books.redis.delete(books.keys.inst(7))
    put_back(books, look)

    assert len(refused) > 1


def test_both_are_outages():
    assert issubclass(Superseded, OUTAGES)
    assert issubclass(Rehydrating, OUTAGES)


def test_a_link_that_a_put_back_does_not_end_hears_of_it_before_anything_of_the_new_life(books):
    link = Broadcasts(books.redis)
    link.open()
    messages = link.messages()
    books.trade()
    assert isinstance(next(messages), PricePublished)

    put_back(books, lambda: books.trade())
    books.trade()

    with pytest.raises(Rehydrating):
        next(messages)
    link.close()
