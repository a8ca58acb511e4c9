"""Turns what is known of a match into its whole course, to the millisecond."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .goals import Goal, goals_to_play
from .matches import Club, Incident, IncidentKind, Kick, Match, Period, PeriodKind, Score, Side
from .naming import stable_id
from .schedule import EXTRA_TIME, HALVES, KICK_EVERY_MS, instant, kind_of_minute, lay_out
from .shootout import Kicks, kicks_to

#: Stoppage minutes where nothing else is known: this many, or up to three more.
USUAL_ADDED_MIN: Mapping[PeriodKind, int] = {
    PeriodKind.FIRST_HALF: 1,
    PeriodKind.SECOND_HALF: 3,
    PeriodKind.EXTRA_FIRST: 0,
    PeriodKind.EXTRA_SECOND: 1,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a file says of a match. Scores are running totals; `penalties` stands alone.

    `extra_time` None: none was played. `half_time` None: unknown.
    """

    id: int
    round: str
    home: Club
    away: Club
    kickoff_ms: int
    half_time: Score | None
    full_time: Score
    extra_time: Score | None
    penalties: Score | None
    home_goals: tuple[Goal, ...]
    away_goals: tuple[Goal, ...]


def play(draft: Draft) -> Match:
    """The match of *draft*: it ends exactly with the draft's scores."""
    goals: dict[Side, tuple[Goal, ...]] = {
        "home": _goals(draft, 0, draft.home_goals),
        "away": _goals(draft, 1, draft.away_goals),
    }
    kicks = kicks_to(draft.penalties) if draft.penalties else ()
    added = _added_minutes(draft, (goal for side in goals.values() for goal in side))
    periods = lay_out(draft.kickoff_ms, added, len(kicks))
    incidents = [
        _incident(draft, side, index, goal, periods)
        for side, scored in goals.items()
        for index, goal in enumerate(scored)
    ]
    return Match(
        id=draft.id,
        round=draft.round,
        home=draft.home,
        away=draft.away,
        periods=periods,
        incidents=tuple(sorted(incidents, key=lambda incident: incident.at_ms)),
        kicks=_timed(kicks, periods[-1].start_ms),
    )


def _goals(draft: Draft, side: int, listed: tuple[Goal, ...]) -> tuple[Goal, ...]:
    return goals_to_play(
        listed,
        draft.half_time[side] if draft.half_time else None,
        draft.full_time[side],
        draft.extra_time[side] if draft.extra_time else None,
        salt=f"{draft.id}/{side}",
    )


def _added_minutes(draft: Draft, goals: Iterable[Goal]) -> dict[PeriodKind, int]:
    kinds = HALVES + EXTRA_TIME if draft.extra_time else HALVES
    added = {
        kind: USUAL_ADDED_MIN[kind] + stable_id("added", str(draft.id), kind.name) % 4
        for kind in kinds
    }
    for goal in goals:
        kind = kind_of_minute(goal.minute)
        added[kind] = max(added[kind], goal.extra_minute or 0)
    return added


def _incident(
    draft: Draft, side: Side, index: int, goal: Goal, periods: tuple[Period, ...]
) -> Incident:
    within_ms = stable_id("goal", str(draft.id), side, str(index)) % 60_000
    return Incident(
        kind=_kind(goal),
        side=side,
        at_ms=instant(periods, goal.minute, goal.extra_minute, within_ms),
        minute=goal.minute,
        extra_minute=goal.extra_minute,
        player=goal.player,
    )


def _kind(goal: Goal) -> IncidentKind:
    if goal.own_goal:
        return IncidentKind.OWN_GOAL
    return IncidentKind.PENALTY if goal.penalty else IncidentKind.GOAL


def _timed(kicks: Kicks, start_ms: int) -> tuple[Kick, ...]:
    # A kick goes in halfway through its turn, so the last one is seen before the end.
    return tuple(
        Kick(side, start_ms + index * KICK_EVERY_MS + KICK_EVERY_MS // 2, scored)
        for index, (side, scored) in enumerate(kicks)
    )
