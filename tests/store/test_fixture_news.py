"""What is told of fixtures: all that Postgres has of them, each change under the next number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from touchline.store.fence import Fenced
from touchline.store.fixture_news import FixtureNews, ToldFixture, told_fixtures
from touchline.store.fixtures import Fixtures
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.matches import Matches
from touchline.store.pubsub import Broadcasts, FixturePublished

from tests.fakes.clock import FakeClock
from tests.fakes.fixtures import a_fixture
from tests.fakes.full import full
from tests.fakes.matches import FULHAM, HOUR_MS, KICKOFF_MS, LEEDS, a_match

pytestmark = pytest.mark.external

DAY_MS = 24 * HOUR_MS
OTHER = a_match(fixture=501, sides=(FULHAM, LEEDS), kickoff_ms=KICKOFF_MS + HOUR_MS)


class Newsroom:
    """Two fixtures in Postgres, and a scheduler's side of telling of them."""

    def __init__(self, redis: Any, pg: Any) -> None:
        self.redis, self.pg, self.keys = redis, pg, Keys("{m}")
        self.matches, self.rows = Matches(pg), Fixtures(pg)
        self.plan(a_match(), OTHER)
        self.lease = Lease(redis, self.keys.lease("scheduler"), monotonic=FakeClock().monotonic)
        self.lease.renew()
        self.news = self.another()

    def another(self) -> FixtureNews:
        """Whoever comes to lead next."""
        news = FixtureNews(self.redis, self.keys, self.pg)
        news.resume()
        return news

    def plan(self, *matches: Any) -> None:
        self.matches.plan(matches, KICKOFF_MS - HOUR_MS)

    def tell_all(self, now_ms: int = KICKOFF_MS) -> None:
        self.news.tell_all(self.lease, now_ms)

    def goal(self) -> None:
        """Fixture 500 changes in Postgres, and is told of."""
        self.matches.seen([a_match("INPLAY_1ST_HALF", 1, 0, minute=12)], KICKOFF_MS)
        self.news.tell(self.lease, [500])

    def told(self) -> dict[int, int]:
        """The number of each fixture that is told of."""
        found = told_fixtures(self.redis, self.keys, None)
        return {} if found is None else {each.fixture.id: each.seq for each in found.fixtures}


@pytest.fixture
def room(redis, pg):
    return Newsroom(redis, pg)


@pytest.fixture
def heard(room) -> Iterator[Iterator[Any]]:
    link = Broadcasts(room.redis)
    link.open()
    yield (each.told for each in link.messages() if isinstance(each, FixturePublished))
    link.close()


def test_all_that_clients_can_read_of_a_fixture_is_told(room, heard):
    room.tell_all()

    told = sorted((next(heard), next(heard)), key=lambda each: each.fixture.id)
    assert [each.fixture for each in told] == [room.rows.fixture(500), room.rows.fixture(501)]
    assert {each.seq for each in told} == {1, 2}
    assert room.told() == {each.fixture.id: each.seq for each in told}


def test_what_is_the_same_is_not_told_again_also_by_whoever_leads_next(room):
    room.tell_all()
    before = room.told()

    room.tell_all()
    room.news.tell(room.lease, [500, 501])
    room.news = room.another()
    room.tell_all()

    assert room.told() == before


def test_a_change_is_told_under_the_next_number(room, heard):
    room.tell_all()
    next(heard), next(heard)

    room.goal()

    assert next(heard) == ToldFixture(3, room.rows.fixture(500))
    assert room.told()[500] == 3
    assert room.rows.fixture(500).score == (1, 0)


def test_what_is_long_over_is_forgotten_and_what_is_not_is_kept(room):
    room.plan(a_match("POSTPONED", fixture=500))
    room.tell_all(KICKOFF_MS + 7 * DAY_MS)
    assert room.told().keys() == {500, 501}

    room.tell_all(KICKOFF_MS + 7 * DAY_MS + 1)
    assert room.told().keys() == {501}  # nobody has seen its end

    room.plan(a_match("NS", fixture=500, kickoff_ms=KICKOFF_MS + 9 * DAY_MS))
    room.tell_all(KICKOFF_MS + 8 * DAY_MS)
    assert room.told().keys() == {500, 501}


def test_whoever_knows_the_last_number_has_nothing_to_read(room):
    assert told_fixtures(room.redis, room.keys, None) is None
    room.tell_all()
    found = told_fixtures(room.redis, room.keys, None)
    assert found is not None

    assert told_fixtures(room.redis, room.keys, found.seq) is None
    room.plan(a_match("POSTPONED", fixture=500))
    room.tell_all(KICKOFF_MS + 8 * DAY_MS)  # to forget one is news as well
    assert told_fixtures(room.redis, room.keys, found.seq) is not None


def test_a_redis_that_has_lost_them_is_told_them_all_by_whoever_comes_to_lead(room):
    room.tell_all()
    room.goal()
    room.redis.delete(room.keys.fixtures)

    room.news = room.another()
    room.tell_all()

    assert room.told().keys() == {500, 501}


@pytest.mark.parametrize("junk", ["", "{}", '{"s":1,"d":{"id":500}}', "null", "[1,2]"])
def test_what_cannot_be_read_is_left_out_and_told_again(room, heard, junk):
    room.tell_all()
    next(heard), next(heard)
    room.redis.hset(room.keys.fixtures, mapping={"500": junk, "a name": junk})
    room.redis.publish("fixture:500", junk)
    assert room.told().keys() == {501}

    room.news = room.another()
    room.tell_all()

    assert next(heard).fixture == room.rows.fixture(500)
    assert room.told().keys() == {500, 501}
    assert room.redis.hexists(room.keys.fixtures, "a name") is False


def test_whoever_has_lost_the_lease_tells_nothing(room):
    room.tell_all()
    before = room.redis.hgetall(room.keys.fixtures)
    room.redis.set(room.lease.key, "somebody else")

    with pytest.raises(Fenced):
        room.goal()

    assert room.redis.hgetall(room.keys.fixtures) == before


def test_fixtures_are_told_of_however_full_redis_is(room):
    with full(room.redis):
        room.tell_all()
        room.goal()

    assert room.told() == {500: 3, 501: 2} or room.told() == {500: 3, 501: 1}


def test_a_whole_season_is_told_in_pieces(room, monkeypatch):
    monkeypatch.setattr("touchline.store.fixture_news.CHUNK", 7)
    season = [
        a_match(fixture=600 + n, kickoff_ms=KICKOFF_MS + n * DAY_MS, sides=(FULHAM, LEEDS))
        for n in range(38)
    ]
    room.plan(*season)

    room.tell_all()

    assert room.told().keys() == {500, 501, *(each.fixture for each in season)}
    assert len(set(room.told().values())) == 40


def test_every_member_survives_the_way_through_redis(room, heard):
    fixture = a_fixture(
        500, league=None, round_id=None, penalties=(4, 3), settled_ms=KICKOFF_MS, score=(2, 2)
    )
    room.news._rows = Pretending(fixture)

    room.tell_all()

    assert next(heard).fixture == fixture


class Pretending:
    """Postgres, as if it had one fixture."""

    def __init__(self, fixture: Any) -> None:
        self.fixture = fixture

    def current(self, now_ms: int) -> tuple[Any, ...]:
        return (self.fixture,)
