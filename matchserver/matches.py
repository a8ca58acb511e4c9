"""What is played: a season, its matches, and everything that happens in them.

All of it is fixed before the first kick-off; `timeline.py` says what of it can
be seen at an instant. Instants are calendar milliseconds (UTC), scores are
(home, away) pairs.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

Side = Literal["home", "away"]
Score = tuple[int, int]

MINUTE_MS = 60_000


class SeasonError(ValueError):
    """A season cannot be played; the text names the file and the field."""


class IncidentKind(enum.Enum):
    """What can happen in open play; values are the feed's event type names."""

    GOAL = "GOAL"
    OWN_GOAL = "OWNGOAL"
    PENALTY = "PENALTY"
    MISSED_PENALTY = "MISSED_PENALTY"
    YELLOW = "YELLOWCARD"
    RED = "REDCARD"
    SECOND_YELLOW = "YELLOWREDCARD"


GOALS = frozenset({IncidentKind.GOAL, IncidentKind.OWN_GOAL, IncidentKind.PENALTY})
DISMISSALS = frozenset({IncidentKind.RED, IncidentKind.SECOND_YELLOW})


class PeriodKind(enum.Enum):
    """The periods of a match in the order they are played."""

    FIRST_HALF = 1
    SECOND_HALF = 2
    EXTRA_FIRST = 3
    EXTRA_SECOND = 4
    SHOOT_OUT = 5


@dataclass(frozen=True, slots=True)
class Club:
    """One side of a match. `id` depends on the name only, so it survives a new season."""

    id: int
    name: str
    code: str


@dataclass(frozen=True, slots=True)
class Period:
    """From its first whistle to its last; `added_min` is the stoppage time within."""

    kind: PeriodKind
    start_ms: int
    end_ms: int
    added_min: int


@dataclass(frozen=True, slots=True)
class Incident:
    """A goal or a card. `side` is the one whose score or cards it counts to.

    `minute` and `extra_minute` are as announced (45 and 2 for 45+2). From
    `reversed_ms` on it no longer counts: a goal is annulled, a card rescinded.
    """

    kind: IncidentKind
    side: Side
    at_ms: int
    minute: int
    extra_minute: int | None = None
    player: str | None = None
    reversed_ms: int | None = None

    def counts_at(self, now_ms: int) -> bool:
        """Whether it has happened and not (yet) been reversed."""
        return self.at_ms <= now_ms and (self.reversed_ms is None or now_ms < self.reversed_ms)


@dataclass(frozen=True, slots=True)
class Kick:
    """One kick of a penalty shoot-out."""

    side: Side
    at_ms: int
    scored: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A match with its whole course, `incidents` and `kicks` in order of time."""

    id: int
    round: str
    home: Club
    away: Club
    periods: tuple[Period, ...]
    incidents: tuple[Incident, ...]
    kicks: tuple[Kick, ...] = ()

    @property
    def kickoff_ms(self) -> int:
        """The first whistle."""
        return self.periods[0].start_ms

    @property
    def final_whistle_ms(self) -> int:
        """The end of the last period, the shoot-out included."""
        return self.periods[-1].end_ms

    def club(self, side: Side) -> Club:
        """The club that plays on *side*."""
        return self.home if side == "home" else self.away


@dataclass(frozen=True, slots=True)
class Season:
    """A competition to be played. Equal digests mean equal to the millisecond."""

    name: str
    digest: str
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How a match ended: the score after extra time, and the shoot-out if there was one."""

    match_id: int
    home: str
    away: str
    score: Score
    penalties: Score | None


def make_season(name: str, matches: Iterable[Match]) -> Season:
    """A season of *matches* in order of kick-off, with the digest of its content."""
    played = tuple(sorted(matches, key=lambda match: (match.kickoff_ms, match.id)))
    digest = hashlib.sha256(msgspec.json.encode((name, played))).hexdigest()
    return Season(name, digest, played)


def goals_at(match: Match, now_ms: int) -> Score:
    """The running score at *now_ms*, without shoot-out kicks."""
    scored = [i.side for i in match.incidents if i.kind in GOALS and i.counts_at(now_ms)]
    return scored.count("home"), scored.count("away")


def shoot_out_at(match: Match, now_ms: int) -> Score:
    """The kicks scored up to *now_ms*."""
    scored = [kick.side for kick in match.kicks if kick.scored and kick.at_ms <= now_ms]
    return scored.count("home"), scored.count("away")


def result(match: Match) -> Result:
    """How *match* ends."""
    end_ms = match.final_whistle_ms
    penalties = shoot_out_at(match, end_ms) if match.kicks else None
    return Result(match.id, match.home.name, match.away.name, goals_at(match, end_ms), penalties)


def results(season: Season) -> tuple[Result, ...]:
    """How every match of *season* ends, in order of kick-off."""
    return tuple(result(match) for match in season.matches)
