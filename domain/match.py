"""A football match as one look at the feed shows it, and what its state means for trading.

The feed's states are told apart by name, never by number: its clients disagree
about the numbers.

Source: docs/market.md, "Matches and trading".
"""

from dataclasses import dataclass

from .halts import OPEN, Halt, Phase
from .match_events import MatchEvent

UNKNOWN_STATE = "UNKNOWN"  #: stands for a state the feed sent without a name

_PHASES = {
    "NS": Phase.SCHEDULED,
    "TBA": Phase.SCHEDULED,
    "PENDING": Phase.SCHEDULED,
    "DELAYED": Phase.SCHEDULED,
    "INPLAY_1ST_HALF": Phase.LIVE,
    "HT": Phase.BREAK,
    "INPLAY_2ND_HALF": Phase.LIVE,
    "BREAK": Phase.BREAK,
    "INPLAY_ET": Phase.LIVE,
    "EXTRA_TIME_BREAK": Phase.LIVE,
    "INPLAY_ET_2ND_HALF": Phase.LIVE,
    "PEN_BREAK": Phase.SHOOTOUT,
    "INPLAY_PENALTIES": Phase.SHOOTOUT,
    "FT": Phase.FINISHED,
    "AET": Phase.FINISHED,
    "FT_PEN": Phase.FINISHED,
    "WO": Phase.FINISHED,
    "AWARDED": Phase.FINISHED,
    "SUSPENDED": Phase.SUSPENDED,
    "INTERRUPTED": Phase.SUSPENDED,
    "AU": Phase.SUSPENDED,
    "AWAITING_UPDATES": Phase.SUSPENDED,
    "ABANDONED": Phase.VOID,
    "POSTPONED": Phase.VOID,
    "CANCELLED": Phase.VOID,
    "DELETED": Phase.VOID,
}

_PLAYED_OUT = frozenset({"FT", "AET", "FT_PEN"})
_EXTRA_TIME = frozenset({"INPLAY_ET", "EXTRA_TIME_BREAK", "INPLAY_ET_2ND_HALF"})
_HALVES = {"INPLAY_1ST_HALF": (0, 45), "HT": (45, 45), "INPLAY_2ND_HALF": (45, 95)}

REGULAR_MIN = 95  #: minutes a match is reckoned to last, stoppage included
EXTRA_TIME_MIN = 30  #: minutes of extra time
_EXTRA_TIME_END = 90 + EXTRA_TIME_MIN


@dataclass(frozen=True, slots=True)
class Team:
    """A club as the feed names it; ``short_code`` may be absent, and is not unique."""

    id: int
    name: str
    short_code: str | None


@dataclass(frozen=True, slots=True)
class Score:
    """What counts on both sides: goals after extra time, red cards, shoot-out kicks scored.

    The two shoot-out counts are None where there was no shoot-out.
    """

    home: int = 0
    away: int = 0
    home_reds: int = 0
    away_reds: int = 0
    home_penalties: int | None = None
    away_penalties: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSnapshot:
    """One look at one match. ``minute`` is the match clock, ``kickoff_ms`` the planned instant.

    ``under_review``: the video referee looks at a goal, so the score may be taken back.
    ``events`` are what the feed lists, in the order of their ids.
    ``scored``: the feed has said a score; where it has not, the last one known counts.
    ``ticking``: the feed says that the match clock runs.
    """

    fixture: int
    league: int
    league_name: str | None
    round_id: int | None
    kickoff_ms: int
    state: str
    home: Team
    away: Team
    score: Score = Score()
    minute: int = 0
    under_review: bool = False
    events: tuple[MatchEvent, ...] = ()
    scored: bool = True
    ticking: bool = False

    @property
    def phase(self) -> Phase:
        """The trading phase of the match."""
        return phase_of(self.state)

    @property
    def played_out(self) -> bool:
        """Whether its score is a result to settle to (an awarded one waits for an admin)."""
        return self.state in _PLAYED_OUT


def phase_of(state: str) -> Phase:
    """The phase of the feed's state *state*; one we do not know counts as suspended."""
    return _PHASES.get(state, Phase.SUSPENDED)


def known(state: str) -> bool:
    """Whether *state* is one of the feed's that we know the meaning of."""
    return state in _PHASES


def needs_score(state: str) -> bool:
    """Whether nothing can be told of a match in *state* without its score."""
    return state in _PLAYED_OUT or phase_of(state) in (Phase.LIVE, Phase.BREAK, Phase.SHOOTOUT)


def state_halt(match: MatchSnapshot) -> Halt:
    """The halt that the match's state alone calls for."""
    if awarded(match) or match.phase in (Phase.SUSPENDED, Phase.SHOOTOUT):
        return Halt.MATCH_SUSPENDED
    return OPEN


def awarded(match: MatchSnapshot) -> bool:
    """Whether it was decided off the pitch, so that no score can be settled to."""
    return match.phase is Phase.FINISHED and not match.played_out


def minutes_left(match: MatchSnapshot) -> int:
    """Minutes of open play still to come, 0 to 95; extra time counts once it is certain.

    Stoppage time of the first half does not run into the second, and a clock
    that the feed has not set yet stands at the start of its period.
    """
    if match.phase is Phase.SCHEDULED:
        return REGULAR_MIN
    if match.state in _HALVES:
        first, last = _HALVES[match.state]
        return REGULAR_MIN - min(max(match.minute, first), last)
    if match.state == "BREAK":
        return EXTRA_TIME_MIN
    if match.state in _EXTRA_TIME:
        return min(max(_EXTRA_TIME_END - match.minute, 0), EXTRA_TIME_MIN)
    if match.phase is Phase.SUSPENDED:
        return max(REGULAR_MIN - match.minute, 0)
    return 0
