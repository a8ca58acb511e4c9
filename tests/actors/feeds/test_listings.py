"""Listings of many slow pages: no match waits for them, and no page is asked for twice."""

import pytest
from touchline.actors.feeds.lister import Lister
from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.domain.halts import OPEN, Phase
from touchline.store.outage import FeedUnavailable

from tests.fakes.matchday import BASE_PX, KICKOFF, LEADING, Exchange
from tests.fakes.matches import FULHAM, HOUR_MS, KICKOFF_MS, LEEDS, FakeFeed, a_match

LIST_MS = HOUR_MS
LEADING_PX = 1_014_700


def a_season(matches):
    """As many further matches, a day apart, long after Arsenal's."""
    return [
        a_match(fixture=600 + n, kickoff_ms=KICKOFF_MS + (30 + n) * 24 * HOUR_MS, sides=sides)
        for n, sides in enumerate([(FULHAM, LEEDS), (LEEDS, FULHAM)] * (matches // 2))
    ]


@pytest.fixture
def exchange(redis, pg):
    """An exchange that has not started yet, whose feed lists 41 matches on as many pages."""
    exchange = Exchange(redis, pg)
    exchange.feed.show(*a_season(40))
    exchange.feed.page_size = 1
    return exchange


def lose_the_lease(exchange):
    """Let a page take 8 s: Redis forgets a lease that is not renewed for 6."""

    def slow():
        exchange.clock.advance(8)
        exchange.redis.delete(exchange.keys.lease("scheduler"))

    return slow


def listed(exchange):
    return exchange.feed.asked.count("list")


def test_pages_that_each_cost_the_lease_keep_no_price_from_moving(exchange):
    exchange.feed.on_page = lose_the_lease(exchange)
    exchange.scheduler.started()
    exchange.poll()
    exchange.clock.advance(3600)

    exchange.poll(KICKOFF)
    exchange.poll(LEADING)

    assert exchange.arsenal.phase is Phase.LIVE
    assert exchange.arsenal.index_px == LEADING_PX


def test_a_listing_goes_on_over_lost_leases_and_no_page_is_asked_for_twice(exchange):
    exchange.feed.on_page = lose_the_lease(exchange)
    exchange.scheduler.started()

    for _ in range(60):
        exchange.poll()

    assert exchange.fixtures.progress().fixtures == listed(exchange) == 41


def test_what_another_replica_led_meanwhile_is_not_a_reason_to_list_anew(exchange):
    exchange.scheduler.started()
    for _ in range(45):
        exchange.poll()
    exchange.redis.set(exchange.keys.lease("scheduler"), "another")
    exchange.poll(after_s=6)
    assert not exchange.scheduler.detail()["lease"]

    exchange.redis.delete(exchange.keys.lease("scheduler"))
    for _ in range(5):
        exchange.poll()

    assert exchange.scheduler.detail()["lease"]
    assert listed(exchange) == 41


def test_the_lease_is_trusted_anew_before_a_page(exchange):
    exchange.scheduler.started()
    exchange.scheduler.receive(PollDue())
    exchange.clock.advance(4.5)
    exchange.feed.on_page = lambda: exchange.clock.advance(3)

    exchange.scheduler.receive(PollDue())

    assert exchange.scheduler.detail()["lease"]


def test_a_lease_that_another_took_and_gave_back_is_a_take_over(exchange):
    exchange.scheduler.started()
    exchange.poll()
    exchange.clock.advance(3600)
    exchange.poll(KICKOFF)
    # Another replica led between two polls and left Arsenal where this one never put it.
    left = {"S": 100, "f": 1_010_000, "v": exchange.arsenal.version + 1}
    exchange.redis.hset(exchange.keys.inst(2), mapping=left)
    exchange.redis.delete(exchange.keys.lease("scheduler"))

    exchange.poll(KICKOFF)

    assert exchange.arsenal.index_px == BASE_PX


def test_every_poll_of_a_match_in_play_looks_first_and_reads_one_page_at_most(exchange):
    exchange.feed.show(KICKOFF)
    exchange.clock.advance(3600)
    exchange.scheduler.started()
    exchange.poll()
    exchange.feed.on_page = lambda: exchange.clock.advance(3)
    exchange.feed.asked.clear()

    for _ in range(10):
        exchange.poll()
        assert exchange.arsenal.halt == OPEN

    assert exchange.feed.asked == ["inplay", "list"] * 10


def test_a_repeated_listing_waits_for_the_end_of_play(exchange):
    exchange.feed.page_size = 50
    exchange.start()
    exchange.feed.asked.clear()

    for _ in range(60):
        exchange.poll(KICKOFF, after_s=30)

    assert listed(exchange) == 0


def test_a_listing_that_fails_keeps_nobody_from_looking(exchange):
    exchange.scheduler.started()
    exchange.poll()
    exchange.clock.advance(3600)

    def fail():
        raise FeedUnavailable("HTTP 500")

    exchange.feed.on_page = fail
    exchange.poll(KICKOFF)
    exchange.poll(LEADING)

    assert exchange.arsenal.index_px == LEADING_PX
    assert exchange.hot.feed_health()["state"] == "ok"
    assert exchange.scheduler.detail()["listing"] == "failing"


def test_a_silent_feed_is_not_asked_for_listings_between_its_looks(exchange):
    exchange.feed.down = FeedUnavailable("HTTP 500")
    exchange.scheduler.started()

    for _ in range(10):
        exchange.scheduler.receive(LeaseDue())
        exchange.scheduler.receive(PollDue())
        exchange.clock.advance(1)

    assert listed(exchange) == 0


def test_where_play_never_ends_a_listing_comes_after_twice_its_time():
    lister = Lister(FakeFeed(), LIST_MS)
    assert lister.due(KICKOFF_MS, playing=True)  # the first one waits for nothing
    assert lister.page(KICKOFF_MS) == ()

    due = [lister.due(KICKOFF_MS + n * LIST_MS, playing) for playing in (0, 1) for n in (0, 1, 2)]

    assert due == [False, True, True, False, False, True]


def test_a_listing_that_hangs_begins_anew_with_the_days_of_then():
    feed = FakeFeed(*a_season(4))
    feed.page_size = 1
    lister = Lister(feed, LIST_MS)
    lister.page(KICKOFF_MS)
    feed.down = FeedUnavailable("HTTP 500")
    assert lister.page(KICKOFF_MS + 1) is None
    feed.down = None

    pages = [lister.page(KICKOFF_MS + LIST_MS + n) for n in range(4)]

    assert [match.fixture for page in pages for match in page] == [600, 601, 602, 603]
