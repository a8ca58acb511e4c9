"""Whatever replicas do, every absence of a user is looked at after the user's return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import redis as redis_module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from touchline.domain.ids import UserId
from touchline.store.keys import USER_RECONNECT, Keys
from touchline.store.presence import Replica, Whereabouts

pytestmark = pytest.mark.external

KEYS = Keys("{m}")
USERS = [UserId(1), UserId(2)]
NOBODY = "0"  #: published last, so that everything before it has arrived
#: What a listener does with a published return: take the absence if the user is still there.
TAKE = """
if redis.call('HLEN', KEYS[1]) == 0 then return false end
return redis.call('GETDEL', KEYS[2])
"""


@dataclass
class Process:
    """One ws-server process: its connections are real, what Redis thinks of them may lag."""

    replica: Replica
    users: set[UserId] = field(default_factory=set)
    alive: bool = True


class World:
    """Processes that crash and pause, and the truth about who was away since when."""

    def __init__(self, client: Any) -> None:
        client.flushdb()
        self.client = client
        self.now_ms = 1_000
        self.processes: list[Process] = []
        self.away_since: dict[UserId, int] = {}
        self.unseen: dict[UserId, list[int]] = {user: [] for user in USERS}
        self._take = client.register_script(TAKE)
        self._pubsub = client.pubsub()
        self._pubsub.subscribe(USER_RECONNECT)
        self._pubsub.get_message(timeout=1.0)
        for _ in range(3):
            self.boot()

    def boot(self) -> None:
        process = Process(Replica(self.client, KEYS, f"r{len(self.processes)}"))
        self.processes.append(process)
        self.beat(process)

    def beat(self, process: Process) -> None:
        if not process.replica.beat(self.now_ms):
            self._tell(process, *(Whereabouts(user, None, here=True) for user in process.users))

    def connect(self, process: Process, user: UserId) -> None:
        if user in self.away_since:
            self.unseen[user].append(self.away_since.pop(user))
        process.users.add(user)
        self._tell(process, Whereabouts(user, None, here=True))

    def disconnect(self, process: Process, user: UserId) -> None:
        if user in process.users:
            process.users.discard(user)
            self._note_absence(user)
            self._tell(process, Whereabouts(user, self.now_ms, here=False))

    def crash(self, process: Process) -> None:
        process.alive = False
        users, process.users = process.users, set()
        for user in users:
            self._note_absence(user)
        self.boot()

    def pause(self, process: Process) -> None:
        """A minute of Redis' time without a heartbeat: dead, or only thought to be."""
        beat = self.client.hget(KEYS.ws_replicas, process.replica.name)
        if beat is not None:
            redis_ms, _, at_ms = beat.partition(":")
            aged = f"{int(redis_ms) - 60_000}:{at_ms}"
            self.client.hset(KEYS.ws_replicas, process.replica.name, aged)

    def reap(self, process: Process) -> None:
        process.replica.reap()

    def listen(self) -> None:
        """The listener takes the absence of everybody published as returned so far."""
        self.client.publish(USER_RECONNECT, NOBODY)
        while (message := self._pubsub.get_message(timeout=5.0))["data"] != NOBODY:
            user = UserId(int(message["data"]))
            seen = self._take(keys=[KEYS.presence(user), KEYS.last_seen(user)])
            if seen is not None:
                self.unseen[user] = [at_ms for at_ms in self.unseen[user] if at_ms < int(seen)]

    def settle(self) -> None:
        """The dead are found out, the living beat, everybody comes back once."""
        for process in self.processes:
            if not process.alive:
                self.pause(process)
        living = [process for process in self.processes if process.alive]
        for process in living:
            self.beat(process)
        for _ in range(3):
            self.reap(living[0])
        for user in USERS:
            self.connect(living[0], user)
        self.listen()

    def _tell(self, process: Process, *changes: Whereabouts) -> None:
        if changes and not process.replica.tell(changes, self.now_ms):
            self.beat(process)
            process.replica.tell(changes, self.now_ms)

    def _note_absence(self, user: UserId) -> None:
        if not any(user in process.users for process in self.processes):
            self.away_since[user] = self.now_ms


STEPS = st.tuples(
    st.sampled_from(
        ["connect", "connect", "disconnect", "crash", "pause", "beat", "reap", "listen"]
    ),
    st.integers(0, 7),
    st.sampled_from(USERS),
)


def step_once(world: World, step: str, which: int, user: UserId) -> None:
    """Carry out one random step; the dead can still grow silent."""
    world.now_ms += 10
    living = [each for each in world.processes if each.alive]
    match step:
        case "connect" | "disconnect":
            getattr(world, step)(living[which % 3], user)
        case "pause":
            world.pause(world.processes[which % len(world.processes)])
        case "listen":
            world.listen()
        case _:
            getattr(world, step)(living[which % 3])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=10, max_size=60))
def test_no_absence_goes_unseen_whatever_crashes_pauses_or_races(
    redis: redis_module.Redis, steps: list[tuple[str, int, UserId]]
) -> None:
    world = World(redis)

    for step in steps:
        step_once(world, *step)
    world.settle()

    assert world.unseen == {user: [] for user in USERS}
    living = {each.replica.name: each for each in world.processes if each.alive}
    for user in USERS:
        holders = set(redis.hkeys(KEYS.presence(user)))
        assert holders == {name for name, each in living.items() if user in each.users}
