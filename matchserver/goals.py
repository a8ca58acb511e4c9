"""Which goals are played, and when, so that a match ends with the score of its file.

Lists of goals in real files are often missing and sometimes wrong. The score
decides how many goals each side gets in the 90 minutes and in extra time:
goals listed beyond that are left out, goals missing are spread over the time
in which they must have fallen. A listed minute is kept even where it
contradicts the half-time score: such a file has an error in one of the two,
and the minute is what a spectator remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .naming import stable_id


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal as announced: 45 and 2 for the second minute of stoppage time."""

    minute: int
    extra_minute: int | None
    player: str | None = None
    penalty: bool = False
    own_goal: bool = False


def goals_to_play(
    listed: Sequence[Goal],
    half_time: int | None,
    full_time: int,
    extra_time: int | None,
    salt: str,
) -> tuple[Goal, ...]:
    """The goals of one side, in order.

    Args:
        listed: from the file, in any order, possibly none.
        half_time, full_time, extra_time: this side's goals until then (running totals).
        salt: what the minutes of unlisted goals are drawn from.
    """
    ordered = sorted(listed, key=lambda goal: (goal.minute, goal.extra_minute or 0))
    regular = [goal for goal in ordered if goal.minute <= 90][:full_time]
    missing = full_time - len(regular)
    early = _missing_early(regular, half_time, missing)
    beyond = full_time if extra_time is None else extra_time
    extra = [goal for goal in ordered if goal.minute > 90][: beyond - full_time]
    spread = (
        _spread(missing, 1, 90, salt)
        if half_time is None
        else _spread(early, 1, 45, salt) + _spread(missing - early, 46, 90, salt)
    ) + _spread(beyond - full_time - len(extra), 91, 120, salt)
    played = [*regular, *extra, *spread]
    return tuple(sorted(played, key=lambda goal: (goal.minute, goal.extra_minute or 0)))


def _missing_early(regular: Sequence[Goal], half_time: int | None, missing: int) -> int:
    known = sum(goal.minute <= 45 for goal in regular)
    return min(max((half_time or 0) - known, 0), missing)


def _spread(count: int, first: int, last: int, salt: str) -> list[Goal]:
    span = last - first + 1
    minutes = []
    for index in range(count):
        # One goal in each of `count` equal parts of the span, anywhere in its part.
        start, end = span * index // count, span * (index + 1) // count
        within = stable_id(salt, str(first), str(index)) % max(1, end - start)
        minutes.append(first + start + within)
    return [Goal(minute, None) for minute in minutes]
