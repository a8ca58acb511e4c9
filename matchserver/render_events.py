"""The events and statistics of a fixture object: goals, cards, reviews and kicks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .matches import (
    DISMISSALS,
    GOALS,
    Incident,
    IncidentKind,
    Kick,
    Match,
    PeriodKind,
    Season,
    Side,
)
from .schedule import kind_of_minute
from .timeline import Moment

Json = dict[str, Any]

EVENT_TYPES: Mapping[IncidentKind, int] = {
    IncidentKind.GOAL: 14,
    IncidentKind.OWN_GOAL: 15,
    IncidentKind.PENALTY: 16,
    IncidentKind.MISSED_PENALTY: 17,
    IncidentKind.YELLOW: 19,
    IncidentKind.RED: 20,
    IncidentKind.SECOND_YELLOW: 21,
}
VAR_TYPE = 10
KICK_MISSED, KICK_SCORED = 22, 23
STATISTICS: Mapping[int, frozenset[IncidentKind]] = {
    52: GOALS,
    83: DISMISSALS,
    84: frozenset({IncidentKind.YELLOW}),
}

#: Event numbers of one match: incidents from 0, reviews from 400, kicks from 800.
FIRST_REVIEW, FIRST_KICK = 400, 800


def events(season: Season, match: Match, at: Moment) -> list[Json]:
    """Everything that has happened, oldest first.

    An annulled goal is gone and a "Goal cancelled" stands in its place; a
    rescinded card stays, marked. An own goal is listed under the side it counts for.
    """
    found = [
        *((incident.at_ms, _shown(match, at, place, incident)) for place, incident in at.incidents),
        *((goal.at_ms, _review(match, at, place, goal)) for place, goal in at.reviews),
        *((kick.at_ms, _kick(match, place, kick)) for place, kick in enumerate(at.kicks)),
    ]
    found.sort(key=lambda dated: (dated[0], dated[1]["id"]))
    return [event | {"sort_order": order} for order, (_, event) in enumerate(found, start=1)]


def statistics(season: Season, match: Match, at: Moment) -> list[Json]:
    """Goals, red and yellow cards of both sides."""
    sides: tuple[Side, Side] = ("home", "away")
    return [
        {
            "id": (match.id * 1000 + type_id) * 10 + number,
            "fixture_id": match.id,
            "type_id": type_id,
            "participant_id": match.club(side).id,
            "data": {"value": _count(at, kinds, side)},
            "location": side,
        }
        for type_id, kinds in STATISTICS.items()
        for number, side in enumerate(sides)
    ]


def _count(at: Moment, kinds: frozenset[IncidentKind], side: Side) -> int:
    return sum(
        incident.kind in kinds and incident.side == side and incident.counts_at(at.now_ms)
        for _, incident in at.incidents
    )


def _shown(match: Match, at: Moment, place: int, incident: Incident) -> Json:
    # Only a goal or a card can be here and not count; such goals are not shown.
    rescinded = None if incident.counts_at(at.now_ms) else True
    return _event(match, place, incident.side, EVENT_TYPES[incident.kind]) | {
        "period_id": match.id * 1000 + kind_of_minute(incident.minute).value,
        "detailed_period_id": match.id * 1000 + kind_of_minute(incident.minute).value,
        "player_name": incident.player,
        "result": _score_after(at, incident) if incident.kind in GOALS else None,
        "minute": incident.minute,
        "extra_minute": incident.extra_minute,
        "rescinded": rescinded,
    }


def _review(match: Match, at: Moment, place: int, goal: Incident) -> Json:
    info = "Goal under review" if goal.counts_at(at.now_ms) else "Goal cancelled"
    return _event(match, FIRST_REVIEW + place, goal.side, VAR_TYPE) | {
        "info": info,
        "minute": goal.minute,
        "extra_minute": goal.extra_minute,
    }


def _kick(match: Match, place: int, kick: Kick) -> Json:
    type_id = KICK_SCORED if kick.scored else KICK_MISSED
    return _event(match, FIRST_KICK + place, kick.side, type_id) | {
        "period_id": match.id * 1000 + PeriodKind.SHOOT_OUT.value,
        "detailed_period_id": match.id * 1000 + PeriodKind.SHOOT_OUT.value,
        "minute": 120,
    }


def _score_after(at: Moment, incident: Incident) -> str:
    sides = [i.side for _, i in at.incidents if i.kind in GOALS and i.at_ms <= incident.at_ms]
    return f"{sides.count('home')}-{sides.count('away')}"


def _event(match: Match, number: int, side: Side, type_id: int) -> Json:
    return {
        "id": match.id * 1000 + number,
        "fixture_id": match.id,
        "period_id": None,
        "participant_id": match.club(side).id,
        "type_id": type_id,
        "section": "event",
        "player_id": None,
        "related_player_id": None,
        "player_name": None,
        "related_player_name": None,
        "result": None,
        "info": None,
        "addition": None,
        "minute": None,
        "extra_minute": None,
        "injured": None,
        "on_bench": False,
        "coach_id": None,
        "sub_type_id": None,
        "detailed_period_id": None,
        "rescinded": None,
        "sort_order": None,
    }
