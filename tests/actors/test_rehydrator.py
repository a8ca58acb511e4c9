"""The rehydrator: looks every second, works only when it is due, and leaves outages to others."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from touchline.actors.rehydrator import LookDue, Rehydrator


class Work:
    """A recovery that is due or not, and counts its runs."""

    def __init__(self):
        self.is_due, self.runs = False, 0
        self.looking: Exception | None = None
        self.working: Exception | None = None

    def due(self):
        if self.looking:
            raise self.looking
        return self.is_due

    def run(self):
        self.runs += 1
        if self.working:
            raise self.working
        return True


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def rehydrator(work):
    return Rehydrator(work)


def test_it_looks_every_second_and_not_before_the_others_start(rehydrator, work):
    rehydrator.started()

    assert [(timer.seconds, timer.message) for timer in rehydrator.timers] == [(1.0, LookDue())]
    assert work.runs == 0


def test_a_redis_that_has_not_restarted_is_left_alone(rehydrator, work):
    rehydrator.receive(LookDue())

    assert work.runs == 0


def test_a_redis_that_has_restarted_is_put_back(rehydrator, work):
    work.is_due = True

    rehydrator.receive(LookDue())

    assert work.runs == 1


def test_a_redis_that_is_away_is_simply_looked_at_again(rehydrator, work):
    work.looking = RedisConnectionError("refused")

    rehydrator.receive(LookDue())

    assert work.runs == 0


def test_an_outage_at_work_is_the_supervisors_to_wait_out(rehydrator, work):
    work.is_due, work.working = True, RedisConnectionError("cut")

    with pytest.raises(RedisConnectionError):
        rehydrator.receive(LookDue())


def test_a_mistake_while_looking_is_not_swallowed(rehydrator, work):
    work.looking = KeyError("run_id")

    with pytest.raises(KeyError):
        rehydrator.receive(LookDue())
