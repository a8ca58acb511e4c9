"""Leases: who may hold one, for how long it is trusted, and what ends the trust."""

from collections.abc import Callable

import pytest
import redis as redis_module
from touchline.store.lease import Lease

pytestmark = pytest.mark.external

KEY = "lease:test"


class Clock:
    """Real seconds as the test wants them."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class LosesAnswers(redis_module.Redis):
    """A Redis whose answers take their time, or never come; what it is told it does."""

    before_answer: Callable[[], None]

    def execute_command(self, *args: object, **options: object) -> object:
        answer = super().execute_command(*args, **options)
        self.before_answer()
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lossy(redis: redis_module.Redis) -> LosesAnswers:
    client = LosesAnswers(connection_pool=redis.connection_pool)
    client.before_answer = lambda: None
    return client


def test_the_first_to_ask_holds_it_and_the_second_does_not(redis, clock):
    first, second = Lease(redis, KEY, monotonic=clock), Lease(redis, KEY, monotonic=clock)

    assert first.renew()
    assert not second.renew()

    assert first.held()
    assert not second.held()
    assert redis.get(KEY) == first.owner


def test_nobody_holds_a_lease_before_asking(redis, clock):
    assert not Lease(redis, KEY, monotonic=clock).held()


def test_trust_ends_a_margin_before_redis_forgets(redis, clock):
    lease = Lease(redis, KEY, monotonic=clock, ttl_s=6.0, margin_s=1.0)
    lease.renew()

    clock.now_s += 4.9
    assert lease.held()
    clock.now_s += 0.1
    assert not lease.held()
    assert 5000 < redis.pttl(KEY) <= 6000


def test_a_renewal_keeps_the_token_and_extends_trust(redis, clock):
    lease = Lease(redis, KEY, monotonic=clock)
    lease.renew()
    token = lease.token
    redis.pexpire(KEY, 10)

    clock.now_s += 4.0
    assert lease.renew()
    clock.now_s += 4.0

    assert lease.held()
    assert lease.token == token
    assert redis.pttl(KEY) > 5000


def test_a_slow_reply_does_not_extend_trust(lossy, clock):
    lease = Lease(lossy, KEY, monotonic=clock, ttl_s=6.0, margin_s=1.0)

    def five_seconds_pass() -> None:
        clock.now_s += 5.0

    lossy.before_answer = five_seconds_pass

    assert not lease.renew()
    assert not lease.held()


def test_a_failed_renewal_demotes_at_once(lossy, clock):
    lease = Lease(lossy, KEY, monotonic=clock)
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


def test_an_old_owner_can_neither_renew_nor_release(redis, clock):
    old, new = Lease(redis, KEY, monotonic=clock), Lease(redis, KEY, monotonic=clock)
    old.renew()
    redis.delete(KEY)
    new.renew()

    assert not old.renew()
    old.release()

    assert not old.held()
    assert redis.get(KEY) == new.owner


def test_every_acquisition_has_a_higher_token(redis, clock):
    first, second = Lease(redis, KEY, monotonic=clock), Lease(redis, KEY, monotonic=clock)
    tokens = []
    for lease in (first, second, first):
        redis.delete(KEY)
        lease.renew()
        tokens.append(lease.token)

    assert tokens == [1, 2, 3]


def test_a_released_lease_is_free_for_the_next(redis, clock):
    first, second = Lease(redis, KEY, monotonic=clock), Lease(redis, KEY, monotonic=clock)
    first.renew()

    first.release()

    assert not first.held()
    assert second.renew()


def test_an_owner_may_be_named(redis, clock):
    lease = Lease(redis, KEY, monotonic=clock, owner="api-1")

    lease.renew()

    assert redis.get(KEY) == "api-1"
