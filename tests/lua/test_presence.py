"""Cases of the presence scripts, through the replica that calls them."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.clock import Moment
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

    def replica(self, name: str, told_ms: int = 1_000) -> Replica:
        """A replica whose heartbeat says that it has told all up to calendar *told_ms*."""
        replica = Replica(self.client, KEYS, name, time.monotonic)
        assert replica.beat(told_ms)
        return replica

    def fall_silent(self, replica: Replica) -> None:
        """Let a minute of Redis' time pass since the replica's last heartbeat."""
        redis_ms, _, rest = self.client.hget(KEYS.ws_replicas, replica.name).partition(":")
        beat = f"{int(redis_ms) - 60_000}:{rest}"
        self.client.hset(KEYS.ws_replicas, replica.name, beat)

    def stay_long(self, replica: Replica, user: UserId = ANN) -> None:
        """Let a minute of Redis' time pass since *user* has come to *replica*."""
        redis_ms, _, at_ms = self.client.hget(KEYS.presence(user), replica.name).partition(":")
        self.client.hset(KEYS.presence(user), replica.name, f"{int(redis_ms) - 60_000}:{at_ms}")

    def waiting(self) -> set[int]:
        """Users whose return nobody has looked after."""
        return set(map(int, self.client.hkeys(KEYS.ws_returns)))

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


def left(at_ms: int, user: UserId = ANN, *, ago_s: float = 0.0, here: bool = False) -> Whereabouts:
    """*user* has left at calendar *at_ms*, which is *ago_s* real seconds ago; is back if *here*."""
    return Whereabouts(user, Moment(at_ms, time.monotonic() - ago_s), here)


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
    cluster.stay_long(there)

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

    here.tell([left(3_000, ago_s=6.0, here=True)], 9_000)

    assert cluster.returns() == [ANN]
    assert cluster.last_seen() == 3_000
    assert cluster.holders() == {"here"}


def test_joining_after_a_replica_died_goes_back_to_its_last_heartbeat(cluster):
    dead, here = cluster.replica("dead", told_ms=1_500), cluster.replica("here")
    dead.tell([joined()], 2_000)
    cluster.returns()
    cluster.fall_silent(dead)

    here.tell([joined()], 8_000)

    assert cluster.returns() == [ANN]
    assert cluster.last_seen() == 1_500
    assert cluster.holders() == {"here"}


def test_leaving_beside_a_dead_replica_goes_back_to_its_last_heartbeat(cluster):
    dead, here = cluster.replica("dead", told_ms=1_500), cluster.replica("here")
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
    dead, here = cluster.replica("dead", told_ms=1_500), cluster.replica("here")
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


def test_whoever_came_elsewhere_before_a_departure_is_told_was_away_in_between(cluster):
    here, there = cluster.replica("here"), cluster.replica("there")
    here.tell([joined()], 2_000)
    there.tell([joined()], 9_000)
    cluster.returns()

    here.tell([left(3_000, ago_s=6.0)], 9_100)

    assert cluster.returns() == [ANN]
    assert (cluster.last_seen(), cluster.holders()) == (3_000, {"there"})


def test_whoever_was_elsewhere_by_then_was_not_away_however_late_it_is_told(cluster):
    here, there = cluster.replica("here"), cluster.replica("there")
    here.tell([joined()], 2_000)
    there.tell([joined()], 2_000)
    cluster.returns()
    cluster.stay_long(there)

    here.tell([left(3_000, ago_s=6.0)], 9_100)

    assert (cluster.returns(), cluster.last_seen()) == ([], None)


def test_a_return_is_noted_until_somebody_looks_after_it_and_the_newest_has_its_own_stamp(cluster):
    here = cluster.replica("here")
    here.tell([joined()], 2_000)
    before = cluster.client.hget(KEYS.ws_returns, ANN)

    here.tell([left(3_000)], 3_000)
    here.tell([joined()], 4_000)

    assert cluster.waiting() == {ANN}
    assert int(cluster.client.hget(KEYS.ws_returns, ANN)) > int(before)


@pytest.mark.parametrize("acts", ["join", "leave", "reap"])
def test_a_replica_that_others_thought_dead_has_to_say_everything_again(cluster, acts):
    there, here = cluster.replica("there"), cluster.replica("here")
    there.tell([joined()], 2_000)
    here.tell([joined()] if acts == "leave" else [], 2_000)
    cluster.fall_silent(there)
    act = {
        "join": lambda: here.tell([joined()], 9_000),
        "leave": lambda: here.tell([left(9_000)], 9_000),
        "reap": here.reap,
    }

    act[acts]()

    assert cluster.holders() <= {"here"}
    assert not there.tell([left(9_100), joined(BOB)], 9_100)
    assert cluster.holders(BOB) == set()
    assert not there.beat(9_200)
    assert there.beat(9_200)
    assert there.beat(9_300)
    assert there.tell([joined()], 9_300)


def test_telling_nothing_is_no_message(cluster):
    here = cluster.replica("here")

    assert here.tell([], 2_000)

    assert here.beat(2_500)


def test_a_replica_that_was_forgotten_has_to_say_everything_again(cluster):
    there, here = cluster.replica("there"), cluster.replica("here")
    cluster.fall_silent(there)
    here.reap()
    assert cluster.client.hkeys(KEYS.ws_replicas) == ["here"]

    assert not there.beat(9_000)


def test_a_silence_that_nobody_acted_on_costs_nothing(cluster):
    there = cluster.replica("there")
    there.tell([joined()], 2_000)
    cluster.fall_silent(there)

    assert there.beat(9_000)

    assert cluster.holders() == {"there"}


def test_the_news_of_a_silence_stays_until_the_replica_begins_anew(cluster):
    there, here = cluster.replica("there"), cluster.replica("here")
    there.tell([joined()], 2_000)
    cluster.fall_silent(there)
    here.reap()
    kept = cluster.client.hgetall(KEYS.ws_replicas)

    heard = there._heard
    assert not there.beat(9_000)
    there._heard = heard  # the answer is lost

    assert cluster.client.hgetall(KEYS.ws_replicas) == kept
    assert not there.beat(9_000)


def test_what_redis_has_lost_is_noticed_by_whoever_told_it(cluster):
    there, other = cluster.replica("there"), cluster.replica("other")
    kept = cluster.client.dump(KEYS.ws_replicas)
    there.tell([joined()], 2_000)
    cluster.client.delete(KEYS.presence(ANN), KEYS.ws_users("there"))
    cluster.client.restore(KEYS.ws_replicas, 0, kept, replace=True)

    assert other.beat(2_500)
    assert not there.beat(2_500)


def test_what_is_overtaken_on_its_way_is_not_carried_out(cluster):
    there = cluster.replica("there")
    there.tell([joined()], 2_000)
    sent = there._sent
    there.tell([left(3_000)], 3_000)
    cluster.returns()

    there._sent = sent - 1  # a join that was held up comes now
    assert not there.tell([joined()], 2_000)

    assert (cluster.holders(), cluster.returns()) == (set(), [])


def test_a_replica_that_stopped_in_order_leaves_nothing_behind(cluster):
    here = cluster.replica("here")
    here.tell([joined()], 2_000)
    cluster.client.delete(KEYS.ws_returns)  # somebody has looked after it

    here.tell([left(3_000)], 3_000)
    here.quit()

    assert sorted(cluster.client.scan_iter()) == [KEYS.last_seen(ANN)]
