"""What can be seen of a match at one instant: a pure function of match and time."""

from __future__ import annotations

from dataclasses import dataclass

from .matches import (
    GOALS,
    Incident,
    Kick,
    Match,
    Period,
    PeriodKind,
    Score,
    goals_at,
    shoot_out_at,
)
from .states import FINISHED_AFTER, PLAYING, REST_BEFORE

#: From then on a goal that will be annulled is known to be under review.
REVIEW_AFTER_MS = 20_000


@dataclass(frozen=True, slots=True)
class Moment:
    """A match as it stands at `now_ms`.

    Attributes:
        kickoff_ms: for when it is planned.
        state: the feed's developer name.
        periods: those that have begun.
        score: running, after extra time in the end; never with the shoot-out.
        totals: the running score at the end (so far) of each begun period but the shoot-out.
        shoot_out: kicks scored; None before the first period of kicks.
        incidents: what the feed shows, with its place in the match: no annulled goals,
            but rescinded cards.
        reviews: goals that were, or are about to be, annulled, once that can be known.
        kicks: taken so far.
    """

    now_ms: int
    kickoff_ms: int
    state: str
    periods: tuple[Period, ...]
    score: Score
    totals: tuple[tuple[PeriodKind, Score], ...]
    shoot_out: Score | None
    incidents: tuple[tuple[int, Incident], ...]
    reviews: tuple[tuple[int, Incident], ...]
    kicks: tuple[Kick, ...]


def moment(match: Match, now_ms: int) -> Moment:
    """*match* as it stands at *now_ms*."""
    begun = tuple(period for period in match.periods if period.start_ms <= now_ms)
    in_shoot_out = bool(begun) and begun[-1].kind is PeriodKind.SHOOT_OUT
    return Moment(
        now_ms=now_ms,
        kickoff_ms=match.kickoff_ms,
        state=_state(match, len(begun), now_ms),
        periods=begun,
        score=goals_at(match, now_ms),
        totals=tuple(
            (period.kind, _total(match, period, now_ms))
            for period in begun
            if period.kind is not PeriodKind.SHOOT_OUT
        ),
        shoot_out=shoot_out_at(match, now_ms) if in_shoot_out else None,
        incidents=tuple(
            (place, incident)
            for place, incident in enumerate(match.incidents)
            if incident.at_ms <= now_ms
            and (incident.kind not in GOALS or incident.counts_at(now_ms))
        ),
        reviews=tuple(
            (place, incident)
            for place, incident in enumerate(match.incidents)
            if incident.kind in GOALS and _under_review(incident, now_ms)
        ),
        kicks=tuple(kick for kick in match.kicks if kick.at_ms <= now_ms),
    )


def _state(match: Match, begun: int, now_ms: int) -> str:
    if begun == 0:
        return "NS"
    current = match.periods[begun - 1]
    if now_ms < current.end_ms:
        return PLAYING[current.kind]
    if begun < len(match.periods):
        return REST_BEFORE[match.periods[begun].kind]
    return FINISHED_AFTER[current.kind]


def _under_review(goal: Incident, now_ms: int) -> bool:
    if goal.reversed_ms is None:
        return False
    return now_ms >= min(goal.at_ms + REVIEW_AFTER_MS, goal.reversed_ms)


def _total(match: Match, period: Period, now_ms: int) -> Score:
    # Judged by what counts now: a goal annulled later leaves the earlier totals too.
    scored = [
        incident.side
        for incident in match.incidents
        if incident.kind in GOALS and incident.counts_at(now_ms) and incident.at_ms < period.end_ms
    ]
    return scored.count("home"), scored.count("away")
