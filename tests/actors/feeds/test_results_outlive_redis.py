"""A result on record is in the prices for good, whatever Redis loses before a flush."""

import pytest
from touchline.domain.halts import OPEN
from touchline.domain.trading import Side
from touchline.store.drain import drain_everything, open_drain
from touchline.store.life import Superseded
from touchline.store.matches import Matches
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.scripts import CreditCommand, Filled, Scripts, TradeCommand

from tests.fakes.facts import AT_MS, add_users
from tests.fakes.failing import Meanwhile
from tests.fakes.matchday import BASE_PX, KICKOFF, LEADING, LOST_PX, WON, WON_PX, Exchange
from tests.fakes.snapshots import put, take


class Venue(Exchange):
    """An exchange whose Redis can be lost; nothing is flushed unless a test asks."""

    def flush(self):
        """Bring everything to Postgres."""
        drained = drain_everything(self.redis, self.keys, Scripts(self.redis, self.keys), self.pg)
        assert drained.complete

    def full_time(self):
        """Arsenal win, and the result stands until it is settled."""
        self.poll(KICKOFF)
        self.poll(WON)
        self.poll(after_s=120)

    def come_back(self):
        """Redis is put back, and another replica leads."""
        rehydrate(self.redis, self.keys, self.pg)
        self.redis.delete(self.keys.lease("scheduler"))  # it has expired
        self.scheduler = self.another("two")
        self.scheduler.started()
        for _ in range(4):
            self.poll(after_s=60)

    def buy(self, idx):
        """Somebody buys a share; the fact waits in the stream."""
        add_users(self.pg, 1)
        scripts, now_ms = Scripts(self.redis, self.keys), AT_MS
        grant, trade = (f"019a0000-0000-7000-8000-00000000000{n}" for n in (1, 2))
        scripts.wallet_credit(CreditCommand(grant, 1, "grant", 10**8, "w:1", "", now_ms))
        order = TradeCommand(trade, 1, idx, Side.BUY, 1000, None, "key", "print", None, now_ms)
        assert isinstance(scripts.execute([order])[0], Filled)

    def books(self):
        """What reconciliation says once everything is in Postgres."""
        self.flush()
        return reconcile(self.redis, self.keys, self.pg)

    def bases(self):
        """Both base prices, of clubs that must be open and at rest."""
        clubs = (self.arsenal, self.everton)
        assert all((c.index_px, c.offset_bps, c.halt) == (c.base_px, 0, OPEN) for c in clubs)
        return tuple(club.base_px for club in clubs)

    def ratings(self):
        """By team, Everton first."""
        with self.pg.transaction() as cursor:
            cursor.execute("SELECT rating FROM teams ORDER BY id")
            return [rating for (rating,) in cursor.fetchall()]


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
