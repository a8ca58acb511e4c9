"""Leases: who may hold one, for how long it is trusted, and what ends the trust."""

from collections.abc import Callable

import fakeredis
import pytest
import redis as redis_module
from touchline.store.lease import Lease

from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.external

KEY = "lease:test"


class LosesAnswers(redis_module.Redis):
    """A Redis whose answers take their time, or never come; what it is told it does."""

    before_answer: Callable[[], None]

    def execute_command(self, *args: object, **options: object) -> object:
        answer = super().execute_command(*args, **options)
        self.before_answer()
        return answer


@pytest.fixture(params=["fakeredis", "server"])
def client(request: pytest.FixtureRequest, redis: redis_module.Redis) -> redis_module.Redis:
    """An empty Redis of either kind."""
    if request.param == "server":
        return redis
    return fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def lossy(client: redis_module.Redis) -> LosesAnswers:
    lossy = LosesAnswers(connection_pool=client.connection_pool)
    lossy.before_answer = lambda: None
    return lossy


def two(client: redis_module.Redis, clock: FakeClock) -> tuple[Lease, Lease]:
    """Two replicas' views of the same lease."""
    return (
        Lease(client, KEY, monotonic=clock.monotonic),
        Lease(client, KEY, monotonic=clock.monotonic),
    )


def test_the_first_to_ask_holds_it_and_the_second_does_not(client, clock):
    first, second = (
        Lease(client, KEY, monotonic=clock.monotonic),
        Lease(client, KEY, monotonic=clock.monotonic),
    )

    assert first.renew()
    assert not second.renew()

    assert first.held()
    assert not second.held()
    assert client.get(KEY) == first.owner


def test_nobody_holds_a_lease_before_asking(client, clock):
    assert not Lease(client, KEY, monotonic=clock.monotonic).held()


def test_trust_ends_a_margin_before_redis_forgets(client, clock):
    lease = Lease(client, KEY, monotonic=clock.monotonic, ttl_s=6.0, margin_s=1.0)
    lease.renew()

    clock.advance(4.9)
    assert lease.held()
    clock.advance(0.1)
    assert not lease.held()
    assert 3000 < client.pttl(KEY) <= 6000


def test_a_renewal_keeps_the_token_and_extends_trust(client, clock):
    lease = Lease(client, KEY, monotonic=clock.monotonic)
    lease.renew()
    token = lease.token
    client.pexpire(KEY, 3000)

    clock.advance(4.0)
    assert lease.renew()
    clock.advance(4.0)

    assert lease.held()
    assert lease.token == token
    assert client.pttl(KEY) > 3000


def test_a_slow_reply_does_not_extend_trust(lossy, clock):
    lease = Lease(lossy, KEY, monotonic=clock.monotonic, ttl_s=6.0, margin_s=1.0)

    def five_seconds_pass() -> None:
        clock.advance(5.0)

    lossy.before_answer = five_seconds_pass

    assert not lease.renew()
    assert not lease.held()


def test_a_failed_renewal_demotes(lossy, clock):
    lease = Lease(lossy, KEY, monotonic=clock.monotonic)
    lease.renew()

    def lose() -> None:
        raise redis_module.TimeoutError

    lossy.before_answer = lose
    with pytest.raises(redis_module.TimeoutError):
        lease.renew()
    assert not lease.held()

    lossy.before_answer = lambda: None
    assert lease.renew()
    assert lease.held()


def test_an_old_owner_cannot_renew_or_release(client, clock):
    old, new = (
        Lease(client, KEY, monotonic=clock.monotonic),
        Lease(client, KEY, monotonic=clock.monotonic),
    )
    old.renew()
    client.delete(KEY)
    new.renew()

    assert not old.renew()
    old.release()

    assert not old.held()
    assert client.get(KEY) == new.owner


def test_every_acquisition_has_a_higher_token(client, clock):
    first, second = (
        Lease(client, KEY, monotonic=clock.monotonic),
        Lease(client, KEY, monotonic=clock.monotonic),
    )
    tokens = []
    for lease in (first, second, first):
        client.delete(KEY)
        lease.renew()
        tokens.append(lease.token)

    assert 0 < tokens[0] < tokens[1] < tokens[2]


def test_whoever_takes_a_lease_learns_who_had_it_before(client, clock):
    first, second = (
        Lease(client, KEY, monotonic=clock.monotonic),
        Lease(client, KEY, monotonic=clock.monotonic),
    )
    first.renew()
    assert first.before == 0
    first.release()
    second.renew()

    assert second.before == first.token
    second.release()
    first.renew()
    assert first.before == second.token


def test_no_token_is_given_again_by_a_redis_that_has_lost_count(client, clock):
    """Else whoever comes to the number they had would not notice that another was there."""
    tokens = []
    for owner in ("one", "two", "one", "one", "two"):
        lease = Lease(client, KEY, monotonic=clock.monotonic, owner=owner)
        client.delete(KEY, f"{KEY}:token")
        assert lease.renew()
        tokens.append(lease.token)
        client.delete(KEY)
        client.set(f"{KEY}:token", 1)  # as in what was written down before
        assert lease.renew()
        tokens.append(lease.token)

    assert len(set(tokens)) == len(tokens)


def test_a_lease_whose_token_is_lost_is_taken_anew(client, clock):
    lease = Lease(client, KEY, monotonic=clock.monotonic)
    lease.renew()
    token = lease.token
    client.delete(f"{KEY}:token")

    assert lease.renew()
    assert lease.token != token


def test_tokens_grow_also_where_clocks_go_back(client, clock):
    client.set(f"{KEY}:token", 4_000_000_000_000_000)
    lease = Lease(client, KEY, monotonic=clock.monotonic)

    assert lease.renew()

    assert lease.token == 4_000_000_000_000_001
    assert client.get(f"{KEY}:token") == "4000000000000001"


def test_a_released_lease_is_free_for_the_next(client, clock):
    first, second = (
        Lease(client, KEY, monotonic=clock.monotonic),
        Lease(client, KEY, monotonic=clock.monotonic),
    )
    first.renew()

    first.release()

    assert not first.held()
    assert second.renew()


def test_an_owner_may_be_named(client, clock):
    lease = Lease(client, KEY, monotonic=clock.monotonic, owner="api-1")

    lease.renew()

    assert client.get(KEY) == "api-1"
