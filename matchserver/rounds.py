"""The fixture list of a league: who meets whom in which round, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

T = TypeVar("T")
Pairing = tuple[T, T]

#: The first round's Saturday, midnight; a round follows every week.
FIRST_DAY = datetime(2026, 8, 1, tzinfo=UTC)
#: Kick-offs of a round as (days after Saturday, hour, minute), all before the week ends.
SLOTS = (
    (0, 12, 30),
    (0, 15, 0),
    (0, 15, 0),
    (0, 15, 0),
    (0, 15, 0),
    (0, 17, 30),
    (1, 14, 0),
    (1, 14, 0),
    (1, 16, 30),
    (1, 19, 0),
)


def double_round_robin(clubs: Sequence[T]) -> list[list[Pairing[T]]]:
    """Every round of a league in which each pair meets once on either ground.

    Circle method: one club stays, the others move on by one place each round.
    Args: an even number of *clubs*.
    """
    fixed, *ring = clubs
    first_half = []
    for number in range(len(ring)):
        turned = ring[number:] + ring[:number]
        half = len(clubs) // 2
        pairs = [(fixed, turned[0]), *zip(turned[1:half], reversed(turned[half:]), strict=True)]
        # Grounds alternate by round, or the fixed club would play at home for months.
        first_half.append([(b, a) for a, b in pairs] if number % 2 else pairs)
    return first_half + [[(b, a) for a, b in pairs] for pairs in first_half]


def kickoff_of(round_index: int, slot_index: int) -> int:
    """Unix ms of a kick-off: round 0 … and place 0 … among its matches."""
    days, hour, minute = SLOTS[slot_index % len(SLOTS)]
    at = FIRST_DAY + timedelta(weeks=round_index, days=days, hours=hour, minutes=minute)
    return int(at.timestamp()) * 1000


def shuffled(items: Sequence[T], rng: Random) -> list[T]:
    """*items* in an order drawn from *rng*."""
    # Only `random()` is promised to repeat in later Python versions, `shuffle` is not.
    drawn = list(items)
    for last in range(len(drawn) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        drawn[last], drawn[other] = drawn[other], drawn[last]
    return drawn
