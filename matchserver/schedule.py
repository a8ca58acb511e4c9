"""When the periods of a match start and end, and where a minute falls in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .matches import MINUTE_MS, Period, PeriodKind

KICK_EVERY_MS = 45_000  #: one kick of a shoot-out with the walk to the spot


@dataclass(frozen=True, slots=True)
class Rules:
    """Laws of the game for one period: minutes on the clock, and the rest before it."""

    counts_from: int
    length_min: int
    rest_before_min: int


RULES: Mapping[PeriodKind, Rules] = {
    PeriodKind.FIRST_HALF: Rules(0, 45, 0),
    PeriodKind.SECOND_HALF: Rules(45, 45, 15),
    PeriodKind.EXTRA_FIRST: Rules(90, 15, 5),
    PeriodKind.EXTRA_SECOND: Rules(105, 15, 2),
    PeriodKind.SHOOT_OUT: Rules(120, 0, 5),
}

HALVES = (PeriodKind.FIRST_HALF, PeriodKind.SECOND_HALF)
EXTRA_TIME = (PeriodKind.EXTRA_FIRST, PeriodKind.EXTRA_SECOND)


def kind_of_minute(minute: int) -> PeriodKind:
    """The period in which *minute* (1 …) is announced; 45 is still the first half."""
    for kind in (PeriodKind.FIRST_HALF, PeriodKind.SECOND_HALF, PeriodKind.EXTRA_FIRST):
        if minute <= RULES[kind].counts_from + RULES[kind].length_min:
            return kind
    return PeriodKind.EXTRA_SECOND


def lay_out(
    kickoff_ms: int, added_min: Mapping[PeriodKind, int], kicks: int = 0
) -> tuple[Period, ...]:
    """The periods in *added_min* (stoppage minutes of each), then *kicks* of a shoot-out."""
    lengths = {
        kind: (RULES[kind].length_min + added) * MINUTE_MS for kind, added in added_min.items()
    }
    if kicks:
        lengths[PeriodKind.SHOOT_OUT] = kicks * KICK_EVERY_MS
    periods: list[Period] = []
    end_ms = kickoff_ms
    for kind, length_ms in lengths.items():
        start_ms = end_ms + RULES[kind].rest_before_min * MINUTE_MS
        end_ms = start_ms + length_ms
        periods.append(Period(kind, start_ms, end_ms, added_min.get(kind, 0)))
    return tuple(periods)


def instant(
    periods: Sequence[Period], minute: int, extra_minute: int | None, within_ms: int
) -> int:
    """Calendar ms of *within_ms* (0 … 59,999) into an announced minute.

    Minute 1 is the first, so it starts at the whistle; 45+1 is the first of stoppage.
    """
    kind = kind_of_minute(minute)
    period = next(period for period in periods if period.kind is kind)
    elapsed_min = minute - 1 - RULES[kind].counts_from + (extra_minute or 0)
    return period.start_ms + elapsed_min * MINUTE_MS + within_ms
