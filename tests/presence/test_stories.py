"""Whatever befalls replicas, Redis and messages: nobody's absence stays untold when they are back.

Told by random stories: processes are killed, stopped, frozen and thought dead, Redis is away or
restarts without its last second, messages are lost, half carried out, answered too late, or come
when they are long given up, clients hang up or vanish and come back, clocks differ, the calendar
runs sixty times as fast. Then every window in which a user had no connection has to be covered by
a replay that was told, from its beginning or earlier; no return may have two; and Redis has to
know who is where. More of them: python -m tests.presence tell --seeds 0:10000
"""

from __future__ import annotations

import pytest
import redis as redis_module

from .story import broken, quiet_story, shortest, story, take
from .world import World

SEEDS, AT_ONCE = 400, 50


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_absence_is_told_of_whatever_befalls(redis: redis_module.Redis, first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        steps = story(seed)
        if why := broken(redis, seed, steps):
            few = shortest(steps, lambda some, seed=seed: broken(redis, seed, some) is not None)
            pytest.fail("\n".join((f"seed {seed}: {why}", *map(str, few))))


@pytest.mark.parametrize("seed", range(10))
def test_while_nothing_befalls_anybody_an_absence_is_told_of_as_it_was(
    redis: redis_module.Redis, seed: int
) -> None:
    world = World(redis, seed)
    for step in quiet_story(seed):
        world.chance.seed(step.chance)
        take(world, step)
        world.turn()
    world.settle()
    world.close()

    near_ms, truth = world.truth.near_ms, world.truth
    assert truth.holes == {}
    for user, windows in truth.windows.items():
        begun = [window.from_ms for window in windows]
        told = [from_ms for from_ms, _ in truth.told[user] if from_ms is not None]
        assert told
        assert [at for at in told if all(abs(at - ms) > near_ms for ms in begun)] == []
        assert len(told) <= len(windows)
