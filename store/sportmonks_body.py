"""What Sportmonks football v3 answers with, decoded strictly into `MatchSnapshot`s.

A fixture we cannot trust (a wrong type, a side missing, a match in play without
its running score) is left out rather than guessed: to the scheduler it is then
a match nobody has seen, which halts its two clubs after a while.

Source: docs/operations.md, "The feed".
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType, to_builtins
from msgspec.json import Decoder

from ..domain.match import UNKNOWN_STATE, MatchSnapshot, Score, Team, needs_score
from ..domain.match_events import EventType, MatchEvent, legible

Int32 = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Int53 = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Count = Annotated[int, Meta(ge=0, le=99)]
Minutes = Annotated[int, Meta(ge=0, le=999)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Side = Literal["home", "away"]

_EVENT_TYPES = {
    10: EventType.VAR,
    14: EventType.GOAL,
    15: EventType.OWN_GOAL,
    16: EventType.PENALTY,
    17: EventType.MISSED_PENALTY,
    18: EventType.SUBSTITUTION,
    19: EventType.YELLOW,
    20: EventType.RED,
    21: EventType.SECOND_YELLOW,
    22: EventType.KICK_MISSED,
    23: EventType.KICK_SCORED,
}
_VAR = 10
_DISMISSALS = frozenset({20, 21})  # a red card, a second yellow one
_CURRENT = "CURRENT"  # the running score after extra time, without shoot-out kicks
_SHOOT_OUT = "PENALTY_SHOOTOUT"


class _State(Struct):
    developer_name: str


class _Meta(Struct):
    location: Side


class _Participant(Struct):
    id: Int32
    name: Name
    meta: _Meta
    short_code: str | None = None


class _Goals(Struct):
    goals: Count
    participant: Side


class _Score(Struct):
    description: str
    score: _Goals


class _Period(Struct):
    sort_order: int = 0
    ticking: bool = False
    minutes: Minutes | None = None


class _Event(Struct):
    type_id: int
    id: Int53 | None = None
    participant_id: int | None = None
    minute: Minutes | None = None
    extra_minute: Minutes | None = None
    player_name: str | None = None
    info: str | None = None
    addition: str | None = None
    rescinded: bool | None = None


class _League(Struct):
    name: Name


class _Fixture(Struct):
    id: Int53
    league_id: Int32
    starting_at_timestamp: Annotated[int, Meta(ge=0, le=4_102_444_800)]
    participants: list[_Participant]
    state: _State | None = None
    round_id: Int32 | None = None
    league: _League | None = None
    scores: list[_Score] = []
    periods: list[_Period] = []
    events: list[_Event] = []


class Quota(Struct, frozen=True):
    """What is left of the plan's calls, and the seconds until they are counted anew."""

    remaining: int
    resets_in_seconds: int


class Pagination(Struct):
    """Whether another page follows."""

    has_more: bool = False


class Envelope(Struct):
    """An answer's outer shape; without *data* it found nothing, and *message* says so."""

    data: list[Raw] | UnsetType = UNSET
    message: str | None = None
    pagination: Pagination | None = None
    rate_limit: Quota | None = None


decode_envelope = Decoder(Envelope).decode
_decode_fixture = Decoder(_Fixture).decode


def essentials(raw: Raw) -> dict[str, Any] | None:
    """What is read of the fixture in *raw*, as JSON values; None where it is malformed."""
    try:
        fields: dict[str, Any] = to_builtins(_decode_fixture(raw))
    except DecodeError:
        return None
    return fields


def match_of(raw: Raw) -> MatchSnapshot | None:
    """The match in *raw*, or None where it is malformed or not to be trusted."""
    try:
        fixture = _decode_fixture(raw)
    except DecodeError:
        return None
    sides = {p.meta.location: p for p in fixture.participants}
    if len(fixture.participants) != 2 or len(sides) != 2:
        return None
    state = fixture.state.developer_name if fixture.state else UNKNOWN_STATE
    goals = _goals(fixture, _CURRENT)
    if goals is None and needs_score(state):
        return None
    return MatchSnapshot(
        fixture=fixture.id,
        league=fixture.league_id,
        league_name=fixture.league.name if fixture.league else None,
        round_id=fixture.round_id,
        kickoff_ms=fixture.starting_at_timestamp * 1000,
        state=state,
        home=_team(sides["home"]),
        away=_team(sides["away"]),
        score=_score(fixture, goals or (0, 0), sides["home"].id, sides["away"].id),
        minute=_minute(fixture.periods),
        under_review=any(_reviewed(event) for event in fixture.events),
        events=_events(fixture, frozenset(side.id for side in sides.values())),
        scored=goals is not None,
        ticking=any(one.ticking and one.minutes is not None for one in fixture.periods),
    )


def _team(participant: _Participant) -> Team:
    return Team(participant.id, participant.name, participant.short_code)


def _score(fixture: _Fixture, goals: tuple[int, int], home_id: int, away_id: int) -> Score:
    dismissed = [
        event.participant_id
        for event in fixture.events
        if event.type_id in _DISMISSALS and not event.rescinded
    ]
    shoot_out = _goals(fixture, _SHOOT_OUT)
    return Score(
        home=goals[0],
        away=goals[1],
        home_reds=dismissed.count(home_id),
        away_reds=dismissed.count(away_id),
        home_penalties=shoot_out[0] if shoot_out else None,
        away_penalties=shoot_out[1] if shoot_out else None,
    )


def _goals(fixture: _Fixture, description: str) -> tuple[int, int] | None:
    sides = {
        entry.score.participant: entry.score.goals
        for entry in fixture.scores
        if entry.description == description
    }
    return (sides["home"], sides["away"]) if len(sides) == 2 else None


def _events(fixture: _Fixture, teams: frozenset[int]) -> tuple[MatchEvent, ...]:
    """Those that can be told apart and whose kind we know, each once."""
    found = {
        event.id: MatchEvent(
            id=event.id,
            type=_EVENT_TYPES[event.type_id],
            team=event.participant_id if event.participant_id in teams else None,
            minute=event.minute,
            extra_minute=event.extra_minute,
            player=legible(event.player_name),
            info=legible(event.info),
            rescinded=bool(event.rescinded),
        )
        for event in fixture.events
        if event.id is not None and event.type_id in _EVENT_TYPES
    }
    return tuple(event for _, event in sorted(found.items()))


def _minute(periods: list[_Period]) -> int:
    """The clock of the period that runs, else of the last one played."""
    if not periods:
        return 0
    period = max(periods, key=lambda period: (period.ticking, period.sort_order))
    return period.minutes or 0


def _reviewed(event: _Event) -> bool:
    said = f"{event.info or ''} {event.addition or ''}".lower()
    return event.type_id == _VAR and "under review" in said
