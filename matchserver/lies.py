"""False statements about a match, for a stretch of calendar time.

A lie ends: from `to_ms` on the feed tells the truth again, so however a season
was lied about, its results come out right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import msgspec

from .matches import Incident, IncidentKind, Match, Side
from .schedule import RULES
from .timeline import Moment, moment


class Lie(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all lies share: a fixture, and from when to when (calendar ms)."""

    fixture: int
    from_ms: int
    to_ms: int

    def told_at(self, match: Match, now_ms: int) -> bool:
        """Whether it is about *match* and told now."""
        return self.fixture == match.id and self.from_ms <= now_ms < self.to_ms


class Vanish(Lie, frozen=True, tag_field="kind", tag="vanish"):
    """The fixture is missing from the matches in play; asked for by number, it is there."""


class Gone(Lie, frozen=True, tag_field="kind", tag="gone"):
    """Nobody knows the fixture: no answer has it, whatever is asked for."""


class FalseState(Lie, frozen=True, tag_field="kind", tag="state"):
    """The fixture is in `state`: FT before extra time, a step back, an interruption, nonsense."""

    state: str


class Phantom(Lie, frozen=True, tag_field="kind", tag="phantom"):
    """A goal or a red card that is taken back at `to_ms`."""

    incident: Literal["goal", "red"]
    side: Side


class FalseScore(Lie, frozen=True, tag_field="kind", tag="score"):
    """`side` has a goal more than it has, which no event tells of and no referee looks at."""

    side: Side


class FalseDate(Lie, frozen=True, tag_field="kind", tag="date"):
    """It is planned for `kickoff_ms`, and from then on postponed, without another date."""

    kickoff_ms: int


RESULTS = frozenset({"FT", "AET", "FT_PEN"})  #: states whose score is a result,
STANDS_MS = 120_000  #: and counts when it has been told for so long

AnyLie = Vanish | Gone | FalseState | Phantom | FalseScore | FalseDate


def misleading(match: Match, lie: AnyLie) -> bool:
    """Whether whoever follows *match* may take *lie* for its result: it is told for long enough."""
    if lie.fixture != match.id:
        return False
    match lie:
        case FalseState(state=state):
            return state in RESULTS and lie.to_ms - lie.from_ms >= STANDS_MS
        case FalseScore() | Phantom(incident="goal"):
            return lie.to_ms - max(lie.from_ms, match.final_whistle_ms) >= STANDS_MS
        case _:
            return False


def seen(match: Match, lies: Iterable[AnyLie], now_ms: int) -> Moment:
    """*match* at *now_ms* as the *lies* have it."""
    told: list[AnyLie] = []
    for lie in lies:
        if isinstance(lie, Phantom) and lie.fixture == match.id:
            match = _with_phantom(match, lie)
        elif lie.told_at(match, now_ms):
            told.append(lie)
    at = moment(match, now_ms)
    for lie in told:
        at = _falsified(at, lie)
    return at


def vanished(match: Match, lies: Iterable[AnyLie], now_ms: int) -> bool:
    """Whether *match* is left out of the matches in play."""
    return any(isinstance(lie, Vanish | Gone) and lie.told_at(match, now_ms) for lie in lies)


def gone(match: Match, lies: Iterable[AnyLie], now_ms: int) -> bool:
    """Whether nobody knows *match*."""
    return any(isinstance(lie, Gone) and lie.told_at(match, now_ms) for lie in lies)


def _falsified(at: Moment, lie: AnyLie) -> Moment:
    match lie:
        case FalseState(state=state):
            return replace(at, state=state)
        case FalseScore(side=side):
            home, away = at.score
            return replace(at, score=(home + (side == "home"), away + (side == "away")))
        case FalseDate(kickoff_ms=kickoff_ms):
            state = "NS" if at.now_ms < kickoff_ms else "POSTPONED"
            return replace(at, kickoff_ms=kickoff_ms, state=state)
        case _:
            return at


def _with_phantom(match: Match, lie: Phantom) -> Match:
    kind = IncidentKind.GOAL if lie.incident == "goal" else IncidentKind.RED
    phantom = Incident(
        kind, lie.side, lie.from_ms, _minute(match, lie.from_ms), reversed_ms=lie.to_ms
    )
    # At the end: the numbers of the true events come from their places.
    return replace(match, incidents=(*match.incidents, phantom))


def _minute(match: Match, at_ms: int) -> int:
    begun = [period for period in match.periods if period.start_ms <= at_ms]
    if not begun:
        return 1
    rules = RULES[begun[-1].kind]
    elapsed = (at_ms - begun[-1].start_ms) // 60_000 + 1
    return rules.counts_from + min(elapsed, max(rules.length_min, 1))
