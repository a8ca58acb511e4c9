"""What the scheduler tells of fixtures: whatever clients can read of them, once they can."""

from __future__ import annotations

import pytest
from touchline.store.fixture_news import told_fixtures
from touchline.store.outage import FeedUnavailable
from touchline.store.rehydrate import rehydrate

from tests.fakes.matchday import KICKOFF, LEADING, WON, WON_PX, Exchange
from tests.fakes.matches import FULHAM, HOUR_MS, KICKOFF_MS, LEEDS, a_match


@pytest.fixture
def exchange(redis, pg):
    return Exchange(redis, pg).start()


def told(exchange):
    """Every fixture that is told of, as it is told, by id."""
    found = told_fixtures(exchange.redis, exchange.keys, None)
    return {} if found is None else {each.fixture.id: each.fixture for each in found.fixtures}


def seq(exchange):
    """The number of the fixture that is played."""
    found = told_fixtures(exchange.redis, exchange.keys, None)
    return {each.fixture.id: each.seq for each in found.fixtures}[500]


def test_what_is_listed_is_told_of(exchange):
    assert told(exchange) == {500: exchange.fixtures.fixture(500)}


def test_every_look_that_shows_something_else_is_told_of(exchange):
    numbers = [seq(exchange)]
    for shown in (KICKOFF, LEADING, a_match("HT", 1, 0, minute=45), WON):
        exchange.poll(shown)
        assert told(exchange)[500] == exchange.fixtures.fixture(500)
        numbers.append(seq(exchange))
    assert numbers == sorted(set(numbers))

    exchange.poll()

    assert seq(exchange) == numbers[-1]


def test_the_settlement_is_told_of(exchange):
    def refuse() -> None:
        raise FeedUnavailable("no listing comes to its help")

    exchange.feed.on_page = refuse
    exchange.poll(KICKOFF)
    exchange.poll(WON)
    exchange.poll(after_s=120)

    row = exchange.fixtures.fixture(500)
    assert row.settled_ms is not None
    assert told(exchange)[500] == row


def test_a_new_kick_off_and_a_new_match_are_told_of(exchange):
    exchange.feed.show(
        a_match(kickoff_ms=KICKOFF_MS + HOUR_MS),
        a_match(fixture=501, sides=(FULHAM, LEEDS), kickoff_ms=KICKOFF_MS + 9 * HOUR_MS),
    )

    exchange.poll(after_s=3600)

    assert told(exchange)[500].kickoff_ms == KICKOFF_MS + HOUR_MS
    assert told(exchange)[501] == exchange.fixtures.fixture(501)


def test_what_redis_has_lost_is_told_again_though_no_connection_failed(exchange):
    """It came back between two polls: the lease is taken anew, under the number it had before."""
    exchange.poll(KICKOFF)
    exchange.poll(WON)
    exchange.redis.flushdb()
    rehydrate(exchange.redis, exchange.keys, exchange.pg)

    exchange.poll()

    assert told(exchange) == {500: exchange.fixtures.fixture(500)}
    assert exchange.arsenal.index_px == WON_PX


def test_whoever_takes_over_tells_what_the_one_before_did_not(exchange):
    exchange.poll(KICKOFF)
    exchange.redis.delete(exchange.keys.fixtures, exchange.keys.lease("scheduler"))

    exchange.scheduler = exchange.another("two")
    exchange.scheduler.started()

    assert told(exchange) == {500: exchange.fixtures.fixture(500)}
