"""Matches of which the feed tells no end: what they do to their clubs, and for how long."""

import pytest
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.store.outage import FeedUnavailable

from tests.fakes.matchday import BASE_PX, KICKOFF, LEADING, WON, WON_PX, Exchange
from tests.fakes.matches import ARSENAL, FULHAM, HOUR_MS, KICKOFF_MS, a_match

HOUR_S = 3_600


@pytest.fixture
def exchange(redis, pg):
    """Arsenal lead, and the feed tells of it."""
    exchange = Exchange(redis, pg).start()
    exchange.poll(KICKOFF)
    exchange.poll(LEADING)
    exchange.poll(after_s=12)
    return exchange


def hours(exchange, count):
    """So many hours pass, with looks in them."""
    for _ in range(2 * count):
        exchange.poll(after_s=HOUR_S // 2)


def stands(exchange):
    """Some minutes pass, in which a result is seen to stand."""
    for _ in range(6):
        exchange.poll(after_s=61)


def clubs(exchange):
    return {(club.phase, club.halt) for club in (exchange.arsenal, exchange.everton)}


HALTED, FREE = {(Phase.LIVE, Halt.FEED_STALE)}, {(Phase.SCHEDULED, OPEN)}


def test_a_match_that_vanishes_for_good_lets_its_clubs_go_after_a_day(exchange):
    del exchange.feed.matches[500]
    hours(exchange, 23)
    assert clubs(exchange) == HALTED
    assert exchange.scheduler.detail()["ailing"] == "the feed has told no end of 500"

    hours(exchange, 2)

    assert clubs(exchange) == FREE
    assert exchange.arsenal.index_px == BASE_PX
    row = exchange.fixtures.fixture(500)
    assert (row.state, row.phase) == ("DELETED", Phase.VOID)
    assert exchange.scheduler.detail()["ailing"] == ""


def test_a_match_that_is_in_play_for_ever_is_halted_and_abandoned_after_a_day(exchange):
    hours(exchange, 5)
    assert clubs(exchange) == {(Phase.LIVE, OPEN)}
    hours(exchange, 2)
    assert clubs(exchange) == HALTED
    assert exchange.meter.doubts["endless"] == 1

    hours(exchange, 18)

    assert clubs(exchange) == FREE
    assert exchange.fixtures.fixture(500).state == "ABANDONED"
    assert exchange.meter.doubts["endless"] == 0


def test_a_match_without_end_is_looked_at_once_a_minute(exchange):
    hours(exchange, 7)
    exchange.feed.asked.clear()

    for _ in range(60):
        exchange.poll()

    assert exchange.feed.asked.count("inplay") == 2


def test_a_feed_that_does_not_answer_ends_no_match(exchange):
    exchange.feed.down = FeedUnavailable("HTTP 500")
    hours(exchange, 48)
    assert clubs(exchange) == HALTED

    exchange.feed.down = None
    exchange.feed.show(WON)
    stands(exchange)

    assert exchange.arsenal.base_px == WON_PX


def test_an_answer_that_was_not_understood_ends_no_match(exchange):
    del exchange.feed.matches[500]
    exchange.feed.unreadable = 1

    hours(exchange, 48)

    assert clubs(exchange) == HALTED


def test_what_was_played_meanwhile_is_what_a_match_that_comes_back_starts_from(exchange):
    del exchange.feed.matches[500]
    hours(exchange, 26)
    other = {"fixture": 501, "kickoff_ms": KICKOFF_MS + 40 * HOUR_MS, "sides": (FULHAM, ARSENAL)}
    exchange.feed.show(a_match("NS", **other))
    hours(exchange, 15)
    exchange.feed.show(a_match("FT", 2, 0, **other))
    stands(exchange)
    lost_px = exchange.arsenal.base_px
    assert lost_px < BASE_PX

    back = a_match("FT", 1, 0, kickoff_ms=KICKOFF_MS + 41 * HOUR_MS)
    exchange.feed.show(back)
    hours(exchange, 2)
    stands(exchange)

    assert exchange.fixtures.progress().settled == 2
    assert exchange.arsenal.base_px > lost_px
    with exchange.pg.transaction() as cursor:
        cursor.execute("SELECT pre_home_px FROM fixtures WHERE id = 500")
        assert cursor.fetchone() == (lost_px,)
