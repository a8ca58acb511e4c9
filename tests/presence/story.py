"""Stories: steps drawn from a seed, and what is true at the end of each of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import redis as redis_module

from .clocked import Mutate
from .link import Fate
from .world import USERS, World

STEPS = 60

#: How often a step is taken, against the others.
WEIGHTS = {
    "connect": 20,
    "disconnect": 14,
    "vanish": 3,
    "wait a bit": 16,
    "wait": 14,
    "befall ws": 20,
    "befall api": 10,
    "freeze ws": 4,
    "freeze api": 1,
    "thaw": 6,
    "go on": 8,
    "deliver": 6,
    "kill ws": 8,
    "kill api": 1,
    "stop ws": 2,
    "down": 2,
    "up": 5,
    "lose": 2,
    "deaf": 2,
    "hears": 2,
}
#: In no story does everything happen: what is seldom in most is frequent in some.
SWARM = (0.0, 0.3, 1.0, 4.0)
ALWAYS = ("connect", "disconnect", "wait a bit", "wait", "up")
#: Seconds after which something is due: a beat, a death, a reminder, the end of a lock.
SECONDS = (1, 3, 5, 9, 11, 13, 16, 31)


@dataclass(frozen=True, slots=True)
class Step:
    """*what* happens, to whom or for how long by *a* and *b*; *chance* decides the rest."""

    what: str
    a: int
    b: int
    chance: int = 0

    def __str__(self) -> str:
        return f"{self.what}({self.a}, {self.b})"


def story(seed: int) -> list[Step]:
    """The steps of one story."""
    chance = random.Random(seed)
    weights = {
        what: weight * (chance.choice(SWARM) if what not in ALWAYS else 1)
        for what, weight in WEIGHTS.items()
    }
    return list(_steps(chance, weights))


def quiet_story(seed: int) -> list[Step]:
    """A story in which users come and go one by one, and servers are stopped in order."""
    weights = {"connect": 10, "disconnect": 10, "stop ws": 1}
    chance = random.Random(seed)
    # Whoever closes one connection before another is told may be told of more than there was.
    return [each for step in _steps(chance, weights) for each in (step, _step(chance, "wait"))]


def _steps(chance: random.Random, weights: Mapping[str, float]) -> Iterator[Step]:
    for _ in range(STEPS):
        [what] = chance.choices(list(weights), list(weights.values()))
        if what == "lose":  # something of what is told within less than a second
            yield Step("keep", 0, 0)
            for _ in range(chance.randint(1, 4)):
                sudden = chance.choice(("connect", "disconnect", "kill ws", "stop ws", "befall ws"))
                yield _step(chance, sudden)
        yield _step(chance, what)


def _step(chance: random.Random, what: str) -> Step:
    return Step(what, *(chance.randrange(1_000_000) for _ in range(3)))


def broken(
    client: redis_module.Redis, seed: int, steps: Sequence[Step], mutate: Mutate = str
) -> str | None:
    """What is not as it has to be at the end of *steps*; None if all is well."""
    world = World(client, seed, mutate)
    try:
        for step in steps:
            world.chance.seed(step.chance)  # so that the others are the same without this one
            take(world, step)
            world.turn()
        world.settle()
        if holes := world.truth.holes:
            return f"nobody was told of {holes}"
        if idle := world.told_for_nothing():
            return f"a return was looked after twice, or was none: {idle}"
        if strangers := world.strangers():
            return f"present where they are not, or the other way round: {strangers}"
        return None
    finally:
        world.close()


def take(world: World, step: Step) -> None:
    """Have one step happen."""
    a, b = step.a, step.b
    ws, api = world.servers[a % len(world.servers)], world.apis[a % len(world.apis)]
    every = (*world.servers, *world.apis)[a % (len(world.servers) + len(world.apis))]
    connections = world.connections
    if step.what in ("disconnect", "vanish") and not connections:
        return
    fates = list(Fate)
    happens: dict[str, Callable[[], object]] = {
        "connect": lambda: world.connect(USERS[b % len(USERS)], ws),
        "disconnect": lambda: world.disconnect(connections[a % len(connections)]),
        "vanish": lambda: world.vanish(connections[a % len(connections)]),
        "wait a bit": lambda: world.advance(1 + a % 900),
        "wait": lambda: world.advance(SECONDS[b % len(SECONDS)] * 1_000 + a % 900),
        "befall ws": lambda: world.befall(ws, fates[b % len(fates)], a // 3),
        "befall api": lambda: world.befall(api, fates[b % len(fates)], a // 2),
        "freeze ws": lambda: world.freeze(ws),
        "freeze api": lambda: world.freeze(api),
        "thaw": lambda: world.thaw(every),
        "go on": lambda: world.go_on(every),
        "deliver": world.deliver,
        "kill ws": lambda: world.kill(ws),
        "kill api": lambda: world.kill(api),
        "stop ws": lambda: world.stop(ws),
        "down": lambda: world.go_down(down=True),
        "up": lambda: world.go_down(down=False),
        "keep": world.redis.keep,
        "lose": world.lose,
        "deaf": lambda: setattr(api, "is_deaf", True),
        "hears": lambda: setattr(api, "is_deaf", False),
    }
    happens[step.what]()


def shortest(steps: Sequence[Step], is_broken: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """As few of *steps* as are broken as well: none of them can be left out."""
    kept, size = list(steps), max(1, len(steps) // 2)
    while True:
        at = 0
        while at < len(kept):
            fewer = kept[:at] + kept[at + size :]
            if is_broken(fewer):
                kept = fewer
            else:
                at += size
        if size == 1:
            return kept
        size //= 2
