"""Cases of the presence scripts, through the replica that calls them."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_module
from touchline.domain.ids import UserId
from touchline.store.keys import USER_RECONNECT, Keys
from touchline.store.presence import KEEP_S, Replica, Whereabouts

pytestmark = pytest.mark.external

ANN, BOB = UserId(5), UserId(6)
KEYS = Keys("{m}")


class Cluster:
    """Replicas on one Redis, and what they publish."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._pubsub = client.pubsub()
        self._pubsub.subscribe(USER_RECONNECT)
        self._pubsub.get_message(timeout=1.0)

    def replica(self, name: str, at_ms: int = 1_000) -> Replica:
        """A replica that has beaten at calendar *at_ms*."""
        replica = Replica(self.client, KEYS, name)
        replica.beat(at_ms)
        return replica

    def fall_silent(self, replica: Replica) -> None:
        """Let a minute of Redis' time pass since the replica's last heartbeat."""
        redis_ms, _, at_ms = self.client.hget(KEYS.ws_replicas, replica.name).partition(":")
        beat = f"{int(redis_ms) - 60_000}:{at_ms}"
        self.client.hset(KEYS.ws_replicas, replica.name, beat)

    def last_seen(self, user: UserId = ANN) -> int | None:
        found = self.client.get(KEYS.last_seen(user))
        return None if found is None else int(found)

    def holders(self, user: UserId = ANN) -> set[str]:
        return set(self.client.hkeys(KEYS.presence(user)))

    def returns(self) -> list[int]:
        """Users published as returned since the last call."""
        found = []
        while (message := self._pubsub.get_message(timeout=0.02)) is not None:
            found.append(int(message["data"]))
        return found


def joined(user: UserId = ANN) -> Whereabouts:
    return Whereabouts(user, None, here=True)


def left(at_ms: int, user: UserId = ANN) -> Whereabouts:
    return Whereabouts(user, at_ms, here=False)


@pytest.fixture
def cluster(client: redis_module.Redis) -> Cluster:
    return Cluster(client)


def test_the_first_connection_anywhere_is_published_and_the_second_is_not(cluster):
    here, there = cluster.replica("here"), cluster.replica("there")

    assert here.tell([joined()], 2_000)
    assert there.tell([joined(), joined(BOB)], 2_100)

    assert cluster.returns() == [ANN, BOB]
    assert cluster.holders() == {"here", "there"}


def test_telling_a_join_twice_changes_nothing(cluster):
    here = cluster.replica("here")

    here.tell([joined()], 2_000)
    here.tell([joined()], 2_000)

    assert cluster.returns() == [ANN]


def test_the_last_connection_to_end_leaves_when_it_ended_for_a_day(cluster):
    here, there = cluster.replica("here"), cluster.replica("there")
    here.tell([joined()], 2_000)
    there.tell([joined()], 2_000)

    here.tell([left(3_000)], 3_000)
    assert cluster.last_seen() is None
    there.tell([left(4_000)], 4_000)

    assert cluster.last_seen() == 4_000
    assert 0 < cluster.client.ttl(KEYS.last_seen(ANN)) <= KEEP_S
    assert cluster.holders() == set()
    assert cluster.client.smembers(KEYS.ws_users("there")) == set()


def test_an_absence_nobody_looked_at_keeps_its_earlier_beginning(cluster):
    here = cluster.replica("here")
    here.tell([joined()], 2_000)
    here.tell([left(3_000)], 3_000)

    here.tell([joined()], 4_000)
    here.tell([left(5_000)], 5_000)

    assert cluster.last_seen() == 3_000
    assert cluster.returns() == [ANN, ANN]


def test_leaving_and_returning_untold_is_told_in_one_go(cluster):
    here = cluster.replica("here")
    here.tell([joined()], 2_000)
    cluster.returns()

    here.tell([Whereabouts(ANN, 3_000, here=True)], 9_000)

    assert cluster.returns() == [ANN]
    assert cluster.last_seen() == 3_000
    assert cluster.holders() == {"here"}


def test_joining_after_a_replica_died_goes_back_to_its_last_heartbeat(cluster):
    dead, here = cluster.replica("dead", at_ms=1_500), cluster.replica("here")
    dead.tell([joined()], 2_000)
    cluster.returns()
    cluster.fall_silent(dead)

    here.tell([joined()], 8_000)

    assert cluster.returns() == [ANN]
    assert cluster.last_seen() == 1_500
    assert cluster.holders() == {"here"}


def test_leaving_beside_a_dead_replica_goes_back_to_its_last_heartbeat(cluster):
    dead, here = cluster.replica("dead", at_ms=1_500), cluster.replica("here")
    dead.tell([joined()], 2_000)
    here.tell([joined()], 2_000)
    cluster.fall_silent(dead)

    here.tell([left(8_000)], 8_000)

    assert cluster.last_seen() == 1_500


def test_leaving_between_a_dead_and_a_live_replica_has_the_time_between_looked_at(cluster):
    dead, here, there = (cluster.replica(name) for name in ("dead", "here", "there"))
    for replica in (dead, here, there):
        replica.tell([joined()], 2_000)
    cluster.returns()
    cluster.fall_silent(dead)

    here.tell([left(8_000)], 8_000)

    assert cluster.returns() == [ANN]
    assert cluster.last_seen() == 1_000
    assert cluster.holders() == {"there"}


def test_the_users_of_a_dead_replica_are_taken_off_it_and_then_it_is_forgotten(cluster):
    dead, here = cluster.replica("dead", at_ms=1_500), cluster.replica("here")
    dead.tell([joined(ANN), joined(BOB)], 2_000)
    here.tell([joined(BOB)], 2_000)
    cluster.returns()
    cluster.fall_silent(dead)

    assert here.reap() == 2

    assert cluster.returns() == [BOB]  # online here: whether Bob was ever away is to be looked at
    assert (cluster.last_seen(ANN), cluster.last_seen(BOB)) == (1_500, 1_500)
    assert (cluster.holders(ANN), cluster.holders(BOB)) == (set(), {"here"})
    assert here.reap() == 0
    assert cluster.client.hkeys(KEYS.ws_replicas) == ["here"]


def test_a_live_replica_is_not_reaped(cluster):
    there, here = cluster.replica("there"), cluster.replica("here")
    there.tell([joined()], 2_000)

    assert here.reap() == 0

    assert cluster.holders() == {"there"}


def test_a_replica_that_was_thought_dead_learns_it_from_its_next_heartbeat(cluster):
    there, here = cluster.replica("there"), cluster.replica("here")
    there.tell([joined()], 2_000)
    assert there.beat(2_500)

    cluster.fall_silent(there)
    assert not there.beat(9_000)
    assert there.beat(9_100)

    cluster.fall_silent(there)
    here.reap()
    here.reap()
    assert not there.beat(9_500)


def test_a_replica_without_a_live_heartbeat_may_not_say_who_is_here(cluster):
    there = cluster.replica("there")
    cluster.fall_silent(there)

    assert not there.tell([joined()], 9_000)

    assert cluster.holders() == set()
    assert cluster.returns() == []


def test_a_replica_that_stopped_in_order_leaves_nothing_behind(cluster):
    here = cluster.replica("here")
    here.tell([joined()], 2_000)

    here.tell([left(3_000)], 3_000)
    here.quit()

    assert sorted(cluster.client.scan_iter()) == [KEYS.last_seen(ANN)]
