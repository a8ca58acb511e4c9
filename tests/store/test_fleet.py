"""The fleet's list in Redis: who is heard, who fell silent, and what was ordered of whom."""

import fakeredis
import pytest
import redis as redis_module
from touchline.store.fleet import FORGET_MS, ORDER_S, Fleet, Identity, Member, Order, Roll
from touchline.store.keys import Keys
from touchline.store.lease import Lease

from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.external

API = Identity("api-server", "host-a", "0.1.0", ("api-server", "flusher"))
WS = Identity("ws-server", "host-b", "0.2.0", ("ws-server",))


@pytest.fixture(params=["fakeredis", "server"])
def client(request: pytest.FixtureRequest, redis: redis_module.Redis) -> redis_module.Redis:
    """An empty Redis of either kind."""
    if request.param == "server":
        return redis
    return fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)


@pytest.fixture
def fleet(client):
    def build(me: Identity, *leases: str) -> Fleet:
        return Fleet(client, Keys(), me, leases)

    return build


def set_back(client: redis_module.Redis, who: Identity, ms: int) -> None:
    """Let the last beat of *who* be *ms* older than it is."""
    client.zincrby(Keys().heartbeats, -ms, who.name)


def test_a_replica_hears_itself_and_the_others_with_what_they_say(fleet):
    fleet(WS).beat("degraded", '{"of":"ws"}')

    roll, orders = fleet(API).beat("ready", '{"of":"api"}')

    assert {m.who: (m.status, m.report) for m in roll.members} == {
        API: ("ready", '{"of":"api"}'),
        WS: ("degraded", '{"of":"ws"}'),
    }
    assert all(0 <= member.silent_s < 60 for member in roll.members)
    assert orders == ()


def test_one_that_fell_silent_stays_with_its_last_words_and_the_time_since(client, fleet):
    fleet(WS).beat("ready", '{"last":"words"}')
    set_back(client, WS, 42_000)

    roll, _ = fleet(API).beat("ready", "{}")

    silent = next(member for member in roll.members if member.who == WS)
    assert 42.0 <= silent.silent_s < 100.0
    assert silent.report == '{"last":"words"}'


def test_one_that_has_been_silent_for_long_is_forgotten(client, fleet):
    fleet(WS).beat("ready", "{}")
    set_back(client, WS, FORGET_MS + 1)

    roll, _ = fleet(API).beat("ready", "{}")

    assert [member.who for member in roll.members] == [API]
    assert 0 < client.pttl(Keys().heartbeat(WS.name)) <= FORGET_MS


def test_one_that_leaves_is_gone_at_once(client, fleet):
    leaving = fleet(WS)
    leaving.beat("ready", "{}")

    leaving.leave()

    roll, _ = fleet(API).beat("ready", "{}")
    assert [member.who for member in roll.members] == [API]
    assert not client.exists(Keys().heartbeat(WS.name))


def test_an_order_is_taken_once_by_the_replica_it_is_for(fleet):
    api, ws = fleet(API), fleet(WS)
    api.order("host-b", Order("hub-3", "user 7"))
    api.order("host-b", Order("presence", "user 7"))

    taken = [api.beat("ready", "{}")[1], ws.beat("ready", "{}")[1], ws.beat("ready", "{}")[1]]

    assert taken == [(), (Order("hub-3", "user 7"), Order("presence", "user 7")), ()]


def test_an_order_that_nobody_takes_does_not_wait_for_ever(client, fleet):
    fleet(API).order("host-b", Order("hub-3", "user 7"))

    assert 0 < client.ttl(Keys().orders("host-b")) <= ORDER_S


def test_the_owner_of_each_lease_is_named_and_a_free_one_left_out(client, fleet):
    clock = FakeClock()
    for_scheduler = Keys().lease("scheduler")
    Lease(client, for_scheduler, monotonic=clock.monotonic, owner="host-a").renew()

    roll, _ = fleet(API, "scheduler", "flusher").beat("ready", "{}")

    assert roll.leases == {"scheduler": "host-a"}


def test_one_that_leaves_between_the_two_reads_is_left_out(client, fleet):
    fleet(WS).beat("ready", "{}")
    client.delete(Keys().heartbeat(WS.name))

    roll, _ = fleet(API).beat("ready", "{}")

    assert roll == Roll((Member(API, "ready", roll.members[0].silent_s, "{}"),), {})


@pytest.mark.parametrize("odd", [{"report": "{cut off"}, {"report": ""}, {"covers": None}])
def test_one_that_cannot_be_read_does_not_cost_the_sight_of_the_others(client, fleet, odd):
    fleet(WS).beat("ready", "{}")
    for field, value in odd.items():
        if value is None:
            client.hdel(Keys().heartbeat(WS.name), field)
        else:
            client.hset(Keys().heartbeat(WS.name), field, value)

    roll, _ = fleet(API).beat("ready", "{}")

    assert [member.who for member in roll.members] == [API]


def test_an_order_that_cannot_be_read_costs_none_beside_it(client, fleet):
    api, ws = fleet(API), fleet(WS)
    api.order("host-b", Order("hub-3", "user 7"))
    client.rpush(Keys().orders("host-b"), "{", '{"child": 7}')
    api.order("host-b", Order("presence", "user 7"))

    _, taken = ws.beat("ready", "{}")

    assert taken == (Order("hub-3", "user 7"), Order("presence", "user 7"))
