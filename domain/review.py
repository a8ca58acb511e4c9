"""One settled match, asked for again: its result may be put right after it was carried out.

As with matches that are open, everything is judged by the latest look. What the feed says of a
settled match and is not on record is doubted at once and believed once it has stood: until then
both clubs are halted, for whoever knows the true score knows where their prices will be. What an
operator has said of a match is not asked for again.

Source: docs/market.md, "Results that are put right".
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from .ids import InstrumentIdx
from .match import MatchSnapshot
from .results import Pair
from .tracking import RESULT_MS, Tracked


class Result(NamedTuple):
    """What a match came to: its state, goals after extra time, kicks scored in a shoot-out."""

    state: str
    goals: Pair
    penalties: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A settled match. All instants are calendar ms.

    Attributes:
        teams: ids of the two sides in the feed; *clubs*: the instruments that the result has moved.
        result: as it is on record.
        ruled: an operator has said what it came to.
        asked_ms: when it was last asked for; 0 if it has not been since we started.
        said: the last look at it, where that says otherwise.
        said_ms: since when every look has said so.
        seen_ms: when it was last seen; 0 if it has not been since we lead.
        versions: of both clubs when the result came into their prices.
        hindered: it was tried to put right, and cannot be without an operator.
        broken: prices are not as the result has left them: an act was broken off.
        held: whoever led before had its clubs halted, and nobody has looked at it since.
    """

    fixture: int
    kickoff_ms: int
    teams: Pair
    clubs: tuple[InstrumentIdx, InstrumentIdx]
    result: Result
    versions: tuple[int, int] = (0, 0)
    ruled: bool = False
    asked_ms: int = 0
    said: MatchSnapshot | None = None
    said_ms: int = 0
    seen_ms: int = 0
    hindered: bool = False
    broken: bool = False
    held: bool = False

    @property
    def doubted(self) -> bool:
        """Whether prices are in question: not its own, or those of other goals, or of no result."""
        said = self.said
        otherwise = said is not None and (
            not said.played_out or self.result.goals != goals_of(said)
        )
        return otherwise or self.broken or self.held or self._swapped

    @property
    def wrong(self) -> bool:
        """Whether another result has been said for long enough to be the one."""
        said = self.said
        stood = self.seen_ms - self.said_ms >= RESULT_MS and not self._swapped
        return said is not None and said.played_out and stood and not self.hindered

    @property
    def _swapped(self) -> bool:
        return self.said is not None and self.said.home.id != self.teams.home

    @property
    def to_restore(self) -> bool:
        """Whether prices are to be what the result has left, since nobody says otherwise."""
        heard = self.ruled or (self.said is None and self.seen_ms > 0)
        return self.broken and heard and not self.hindered


def goals_of(match: MatchSnapshot) -> Pair:
    """The goals of both sides."""
    return Pair(match.score.home, match.score.away)


def result_of(match: MatchSnapshot) -> Result:
    """What *match* comes to as it stands."""
    score = match.score
    return Result(match.state, goals_of(match), (score.home_penalties, score.away_penalties))


def settled_now(tracked: Tracked, versions: tuple[int, int], now_ms: int) -> Reviewed:
    """*tracked*, settled to its last look at *now_ms*; *versions* of both clubs have the result."""
    match = tracked.match
    return Reviewed(
        fixture=match.fixture,
        kickoff_ms=match.kickoff_ms,
        teams=Pair(match.home.id, match.away.id),
        clubs=(tracked.home, tracked.away),
        result=result_of(match),
        versions=versions,
        asked_ms=now_ms,
    )


def reviewed(settled: Reviewed, match: MatchSnapshot, now_ms: int) -> Reviewed:
    """*settled* after a look at *now_ms* that showed *match*; a look at other clubs is ignored.

    The same two the other way round are no other clubs: whose goals these are is then in doubt.
    """
    if settled.ruled or {match.home.id, match.away.id} != set(settled.teams):
        return settled
    seen = replace(settled, seen_ms=now_ms, held=False)
    if result_of(match) == settled.result and match.home.id == settled.teams.home:
        return replace(seen, said=None, hindered=False)
    said = settled.said
    same = said is not None and result_of(said) == result_of(match) and said.home == match.home
    said_ms, hindered = (settled.said_ms, settled.hindered) if same else (now_ms, False)
    return replace(seen, said=match, said_ms=said_ms, hindered=hindered)
