"""Who listens to what in the real mix of bench/fanout.py, and when what is published."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

INSTRUMENTS = 20
CHOSEN = 5  #: prices that one client listens to, beside its own portfolio
TICKS_PER_S = 50.0  #: of all instruments together, at random moments
PUSHES_PER_S = 200.0  #: of all portfolios together, at random moments
_NUMBERS = range(1, INSTRUMENTS + 1)
#: Zipf's law: the most popular is chosen, and moves, twice as often as the second.
_POPULARITY = [1 / number for number in _NUMBERS]


@dataclass(frozen=True, slots=True)
class Publication:
    """Something to publish *at* seconds after the beginning; a price, or *user*'s portfolio."""

    at: float
    price: int | None = None
    user: int | None = None


def choice_of(user: int) -> list[int]:
    """The instruments that *user* listens to; the same in every process."""
    dice = random.Random(user)
    chosen: dict[int, None] = {}
    while len(chosen) < CHOSEN:
        chosen[dice.choices(_NUMBERS, _POPULARITY)[0]] = None
    return sorted(chosen)


def mix(
    users: range, seconds: float, seed: int, ticks_per_s: float = TICKS_PER_S
) -> list[Publication]:
    """What is published in *seconds* of the real mix, in order."""
    dice = random.Random(seed)
    ticks = (
        Publication(at, price=dice.choices(_NUMBERS, _POPULARITY)[0])
        for at in _moments(dice, ticks_per_s, seconds)
    )
    pushes = (
        Publication(at, user=dice.choice(users)) for at in _moments(dice, PUSHES_PER_S, seconds)
    )
    return sorted((*ticks, *pushes), key=lambda publication: publication.at)


def uniform(rate: float, seconds: float) -> list[Publication]:
    """Updates of one price at even distances."""
    return [Publication(number / rate, price=1) for number in range(round(rate * seconds))]


def flood(seconds: float) -> list[Publication]:
    """All prices by turns, each ten times a second."""
    rate = 10.0 * INSTRUMENTS
    return [
        Publication(number / rate, price=number % INSTRUMENTS + 1)
        for number in range(round(rate * seconds))
    ]


def listeners(users: range) -> dict[int, int]:
    """How many of *users* listen to each instrument."""
    found = dict.fromkeys(_NUMBERS, 0)
    for user in users:
        for number in choice_of(user):
            found[number] += 1
    return found


def _moments(dice: random.Random, per_s: float, seconds: float) -> Iterator[float]:
    at = dice.expovariate(per_s)
    while at < seconds:
        yield at
        at += dice.expovariate(per_s)
