"""The stream of facts: read up to a point, know its age."""

import pytest
from touchline.store.outbox import Outbox

from tests.fakes.facts import spelled

pytestmark = pytest.mark.external

KEY = "trade_outbox"


@pytest.fixture
def outbox(redis):
    return Outbox(redis, KEY)


def added(redis, count):
    return [redis.xadd(KEY, spelled({"k": "trade", "n": str(n)})) for n in range(count)]


def test_an_empty_stream_has_no_length_and_no_age(outbox):
    assert (outbox.length(), outbox.oldest_age_s()) == (0, 0.0)


def test_reading_goes_on_after_an_entry(outbox, redis):
    ids = added(redis, 5)

    first = outbox.read(2)
    rest = outbox.read(10, after=first[-1].id)

    assert [entry.id for entry in (*first, *rest)] == ids
    assert first[0].fields == {"k": "trade", "n": "0"}


def test_the_age_is_that_of_the_oldest_entry_by_redis_own_clock(outbox, redis):
    seconds, micros = redis.time()
    redis.xadd(KEY, {"n": "old"}, id=f"{(seconds - 60) * 1000 + micros // 1000}-0")
    added(redis, 1)

    assert 60 <= outbox.oldest_age_s() < 65
