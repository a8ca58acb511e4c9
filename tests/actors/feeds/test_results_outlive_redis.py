"""A result on record is in the prices for good, whatever Redis loses before a flush."""

import pytest
from touchline.store.drain import open_drain
from touchline.store.life import Superseded
from touchline.store.matches import Matches
from touchline.store.rehydrate import rehydrate
from touchline.store.scripts import Scripts

from tests.fakes.failing import Meanwhile
from tests.fakes.matchday import BASE_PX, KICKOFF, LEADING, LOST_PX, WON, WON_PX
from tests.fakes.snapshots import put, take
from tests.fakes.venue import Venue


@pytest.fixture
def venue(redis, pg):
    return Venue(redis, pg).start()


@pytest.mark.parametrize("flushed", ["never", "before the result", "after the result"])
def test_a_result_comes_back_after_redis_was_lost_exactly_once(venue, flushed):
    venue.poll(LEADING)
    if flushed == "before the result":
        venue.flush()
    venue.full_time()
    if flushed == "after the result":
        venue.flush()
    assert venue.bases() == (WON_PX, LOST_PX)
    ratings = venue.ratings()

    venue.redis.flushdb()
    venue.come_back()

    assert venue.bases() == (WON_PX, LOST_PX)
    assert venue.fixtures.progress().settled == 1
    assert venue.ratings() == ratings
    report = venue.books()
    assert report.ok, report.as_text()


def test_a_redis_that_is_only_behind_gets_the_result_back(venue):
    venue.poll(KICKOFF)
    venue.poll(WON)
    venue.flush()
    saved = {key: venue.redis.dump(key) for key in map(venue.keys.inst, (1, 2))}
    venue.poll(after_s=120)
    assert venue.bases() == (WON_PX, LOST_PX)

    for key, dump in saved.items():
        venue.redis.restore(key, 0, dump, replace=True)
    venue.redis.delete(venue.keys.settled(500))
    venue.redis.set(venue.keys.meta("run_id"), "the one before")
    venue.come_back()

    assert venue.bases() == (WON_PX, LOST_PX)
    report = venue.books()
    assert report.ok, report.as_text()


def test_a_trade_after_the_result_and_the_result_come_back_together(venue):
    venue.full_time()
    venue.buy(2)
    scripts = Scripts(venue.redis, venue.keys)
    while not open_drain(venue.redis, venue.keys, scripts, venue.pg).facts().complete:
        pass

    venue.redis.flushdb()
    venue.come_back()

    assert venue.arsenal.inventory == 1000
    assert venue.bases() == (WON_PX, LOST_PX)
    report = venue.books()
    assert report.ok, report.as_text()


def test_a_redis_that_has_the_result_but_not_the_trade_after_it_is_behind(venue):
    venue.full_time()
    inst = venue.keys.inst(2)
    before_the_trade = venue.redis.dump(inst)
    venue.buy(2)
    scripts = Scripts(venue.redis, venue.keys)
    while not open_drain(venue.redis, venue.keys, scripts, venue.pg).facts().complete:
        pass

    venue.redis.restore(inst, 0, before_the_trade, replace=True)
    venue.redis.set(venue.keys.meta("run_id"), "the one before")
    venue.come_back()

    assert venue.arsenal.inventory == 1000
    assert venue.bases() == (WON_PX, LOST_PX)


def test_a_later_state_in_postgres_is_not_put_back_to_the_result(venue):
    venue.full_time()
    with venue.pg.transaction() as cursor:
        cursor.execute(
            "UPDATE instruments SET base_px = 1100000, index_px = 1100000, version = 1000"
            " WHERE idx = 2"
        )

    venue.redis.flushdb()
    rehydrate(venue.redis, venue.keys, venue.pg)

    assert venue.arsenal.base_px == 1_100_000
    failed = {verdict.name for verdict in venue.books().verdicts if not verdict.ok}
    assert failed == {"bases"}


class GoneAtFullTime(Matches):
    """Postgres that is gone when a result is in the prices already."""

    def settle(self, match, rating_gain, bases, now_ms):
        raise ConnectionError("gone")


def test_a_result_whose_row_was_late_is_on_record_with_its_prices(venue):
    venue.scheduler = venue.another(matches=GoneAtFullTime(venue.pg))
    venue.scheduler.started()
    venue.poll(KICKOFF)
    venue.poll(WON)
    with pytest.raises(ConnectionError):
        venue.poll(after_s=120)
    venue.scheduler = venue.another()
    venue.scheduler.started()
    for _ in range(4):
        venue.poll(after_s=60)
    assert venue.fixtures.progress().settled == 1

    venue.redis.flushdb()
    venue.come_back()

    assert venue.bases() == (WON_PX, LOST_PX)


def test_a_result_that_redis_lost_before_its_row_is_not_on_record_but_settled_anew(venue):
    venue.scheduler = venue.another(matches=GoneAtFullTime(venue.pg))
    venue.scheduler.started()
    venue.poll(KICKOFF)
    venue.poll(WON)
    with pytest.raises(ConnectionError):
        venue.poll(after_s=120)

    venue.redis.flushdb()
    rehydrate(venue.redis, venue.keys, venue.pg)
    assert venue.arsenal.base_px == BASE_PX
    venue.come_back()

    assert venue.bases() == (WON_PX, LOST_PX)
    assert venue.fixtures.progress().settled == 1


def test_a_result_of_a_redis_that_was_put_back_since_is_settled_anew(venue):
    """A scheduler that stood still between the answer of Redis and its own write."""
    venue.poll(KICKOFF)
    kept = take(venue.redis)

    def the_loss():
        put(venue.redis, kept)
        venue.redis.set(venue.keys.meta("run_id"), "the one before")
        rehydrate(venue.redis, venue.keys, venue.pg)

    venue.scheduler = venue.another(matches=Meanwhile(Matches(venue.pg), "settle", the_loss))
    venue.scheduler.started()
    venue.poll(WON)
    with pytest.raises(Superseded):
        venue.poll(after_s=120)
    assert venue.fixtures.progress().settled == 0

    venue.scheduler = venue.another()  # as after every outage
    venue.scheduler.started()
    for _ in range(4):
        venue.poll(after_s=60)

    assert venue.bases() == (WON_PX, LOST_PX)
    assert venue.fixtures.progress().settled == 1
    report = venue.books()
    assert report.ok, report.as_text()


class ForgetfulRedis:
    """A Redis for reads that has lost every result."""

    def __init__(self, hot):
        self._hot = hot

    def __getattr__(self, name):
        return getattr(self._hot, name)

    def bases(self, fixture):
        return None


def test_a_result_that_redis_does_not_have_any_more_is_not_recorded(venue):
    hot, venue.hot = venue.hot, ForgetfulRedis(venue.hot)
    venue.scheduler = venue.another()
    venue.hot = hot
    venue.scheduler.started()

    venue.full_time()

    assert venue.fixtures.progress().settled == 0
