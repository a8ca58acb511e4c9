"""The course of one invented match, minute by minute.

Only `Random.random()` and plain arithmetic are used: both give the same bits on
every machine and Python version, so a seed always plays the same match.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from .clubs import SURNAMES
from .matches import (
    DISMISSALS,
    GOALS,
    Club,
    Incident,
    IncidentKind,
    Match,
    Period,
    PeriodKind,
    Side,
)
from .schedule import RULES, instant, lay_out

#: Chances a minute and side in an even match on neutral ground.
GOAL_CHANCE = 0.0138
MISSED_PENALTY_CHANCE = 0.0008
CARD_CHANCE = 0.0200
HOME_ADVANTAGE = 1.15
SHORT_OF_A_MAN = 0.7  #: scoring chance with a man less; the others gain as much

#: Shares of goals, cards and reviews, from about as many as top leagues see.
OWN_GOAL_SHARE = 0.03
PENALTY_SHARE = 0.10
STRAIGHT_RED_SHARE = 0.03
ANNULLED_SHARE = 0.06
RESCINDED_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Team:
    """A club with its strength, around 1.0, in attack and in defence."""

    club: Club
    attack: float
    defence: float


@dataclass(slots=True)
class _Course:
    """The match so far."""

    rng: Random
    periods: tuple[Period, ...]
    chance: dict[Side, float]
    incidents: list[Incident] = field(default_factory=list)
    booked: set[tuple[Side, int]] = field(default_factory=set)


def simulate(
    match_id: int, round_name: str, home: Team, away: Team, kickoff_ms: int, rng: Random
) -> Match:
    """A match of 90 minutes and stoppage between *home* and *away*, drawn from *rng*."""
    added = {
        PeriodKind.FIRST_HALF: 1 + int(rng.random() * 4),
        PeriodKind.SECOND_HALF: 2 + int(rng.random() * 7),
    }
    chance: dict[Side, float] = {
        "home": GOAL_CHANCE * HOME_ADVANTAGE * home.attack / away.defence,
        "away": GOAL_CHANCE / HOME_ADVANTAGE * away.attack / home.defence,
    }
    course = _Course(rng, lay_out(kickoff_ms, added), chance)
    for period in course.periods:
        _play(course, period)
    incidents = tuple(sorted(course.incidents, key=lambda incident: incident.at_ms))
    return Match(match_id, round_name, home.club, away.club, course.periods, incidents)


def _play(course: _Course, period: Period) -> None:
    rules = RULES[period.kind]
    sides: tuple[Side, Side] = ("home", "away")
    for elapsed in range(rules.length_min + period.added_min):
        minute = rules.counts_from + min(elapsed + 1, rules.length_min)
        extra = elapsed + 1 - rules.length_min
        for side in sides:
            kind = _what_happens(course, side)
            if kind is not None:
                _record(course, period, kind, side, minute, extra if extra > 0 else None)


def _what_happens(course: _Course, side: Side) -> IncidentKind | None:
    draw = course.rng.random()
    if draw < course.chance[side]:
        return _goal_kind(course.rng.random())
    if draw < course.chance[side] + MISSED_PENALTY_CHANCE:
        return IncidentKind.MISSED_PENALTY
    if draw < course.chance[side] + MISSED_PENALTY_CHANCE + CARD_CHANCE:
        return _card_kind(course, side)
    return None


def _goal_kind(draw: float) -> IncidentKind:
    if draw < OWN_GOAL_SHARE:
        return IncidentKind.OWN_GOAL
    return IncidentKind.PENALTY if draw < OWN_GOAL_SHARE + PENALTY_SHARE else IncidentKind.GOAL


def _card_kind(course: _Course, side: Side) -> IncidentKind:
    if course.rng.random() < STRAIGHT_RED_SHARE:
        return IncidentKind.RED
    shirt = side, int(course.rng.random() * 11)
    if shirt in course.booked:
        return IncidentKind.SECOND_YELLOW
    course.booked.add(shirt)
    return IncidentKind.YELLOW


def _record(
    course: _Course, period: Period, kind: IncidentKind, side: Side, minute: int, extra: int | None
) -> None:
    rng = course.rng
    at_ms = instant(course.periods, minute, extra, int(rng.random() * 60_000))
    player = SURNAMES[int(rng.random() * len(SURNAMES))]
    incident = Incident(kind, side, at_ms, minute, extra, player)
    reversed_share = (
        ANNULLED_SHARE if kind in GOALS else RESCINDED_SHARE if kind in DISMISSALS else 0.0
    )
    if rng.random() < reversed_share:
        # Decided before the whistle, so that no half ends with a goal that was none.
        seen_ms = 40_000 + int(rng.random() * 100_000)
        incident = replace(incident, reversed_ms=min(at_ms + seen_ms, period.end_ms - 1))
    elif kind in DISMISSALS:
        other: Side = "away" if side == "home" else "home"
        course.chance[side] *= SHORT_OF_A_MAN
        course.chance[other] /= SHORT_OF_A_MAN
    course.incidents.append(incident)
