"""Settled matches, asked for again: a result may be put right after it was carried out.

As with matches that are open, everything is judged by the latest look. What the feed says of a
settled match and is not on record is doubted at once and believed once it has stood: until then
both clubs are halted, for whoever knows the true score knows where their prices will be. What an
operator has said of a match is not asked for again.

Source: docs/market.md, "Results that are put right".
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from .asking import ASK_MAX, ASK_WAITING_MS
from .halts import Halt, Phase
from .ids import InstrumentIdx
from .instrument import Instrument
from .match import MatchSnapshot
from .results import Pair
from .standing import Standing
from .tracking import LATE_MS, RESULT_MS, WINDOW_MS, Tracked

LATER_MS = 60 * 60_000  #: between two looks at a match that was played some days ago


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


def doubted(instruments: Iterable[Instrument]) -> set[InstrumentIdx]:
    """Those halted as `ReviewBook.standings` has it: whoever led before doubted a result."""
    return {
        each.idx
        for each in instruments
        if each.phase is Phase.SCHEDULED and each.halt & Halt.MATCH_SUSPENDED
    }


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


class ReviewBook:
    """The matches that are settled and may still be put right, in order of kick-off.

    *soon_ms*: between two looks at a match that was played some hours ago.
    """

    def __init__(self, soon_ms: int) -> None:
        self._soon_ms = soon_ms
        self._later_ms = max(soon_ms, LATER_MS)
        self._settled: dict[int, Reviewed] = {}

    def refresh(self, settled: Iterable[Reviewed]) -> None:
        """Take in what the store has; of a result that is still on record, keep what we saw."""
        now = [_refreshed(one, self._settled.get(one.fixture)) for one in settled]
        now.sort(key=_order)
        self._settled = {one.fixture: one for one in now}

    def begin(self) -> None:
        """Forget all: another may have led, and nothing that was seen before then counts."""
        self._settled = {}

    def hold(self, halted: Set[InstrumentIdx]) -> None:
        """Clubs that no match moves are found *halted*: what was settled last of them is why."""
        for one in tuple(self._last_words()):
            if halted & set(one.clubs) and not one.ruled:
                self._settled[one.fixture] = replace(one, held=True)

    def add(self, settled: Reviewed) -> None:
        """One more has been settled."""
        self.refresh([*self._settled.values(), settled])

    def due(self, now_ms: int) -> bool:
        """Whether any of them is to be asked for."""
        return any(self._wants_asking(one, now_ms) for one in self._settled.values())

    def to_ask(self, now_ms: int) -> tuple[int, ...]:
        """Fixtures to be asked for at *now_ms*, one call's worth."""
        wanted = [one for one in self._settled.values() if self._wants_asking(one, now_ms)]
        # Doubted ones first: where all wait, they are the ones that halt a club.
        wanted.sort(key=lambda one: (not one.doubted, one.asked_ms))
        return tuple(one.fixture for one in wanted[:ASK_MAX])

    def asked(self, fixtures: Iterable[int], now_ms: int) -> None:
        """*fixtures* were asked for at *now_ms*, and there was an answer."""
        for fixture in fixtures:
            self._settled[fixture] = replace(self._settled[fixture], asked_ms=now_ms)

    def observe(self, matches: Iterable[MatchSnapshot], now_ms: int) -> None:
        """Take in a look at *now_ms*."""
        for match in matches:
            if match.fixture in self._settled:
                before = self._settled[match.fixture]
                self._settled[match.fixture] = reviewed(before, match, now_ms)

    def doubted(self) -> tuple[int, ...]:
        """Fixtures of which the feed says what would leave their clubs at other prices."""
        return tuple(fixture for fixture, one in self._settled.items() if one.doubted)

    def standings(self) -> dict[InstrumentIdx, Standing]:
        """Halts for the clubs of what is doubted, if nothing else was settled on top of it."""
        # Of no fixture: nothing more is taken in of one that is settled.
        return {
            club: Standing(None, 0, Phase.SCHEDULED, Halt.MATCH_SUSPENDED)
            for one in self._last_words()
            if one.doubted
            for club in one.clubs
        }

    def wrong(self, playing: Set[InstrumentIdx]) -> tuple[Reviewed, ...]:
        """What is to be put right or restored, but not of clubs that another match moves now."""
        return tuple(
            one
            for one in self._settled.values()
            if (one.wrong or one.to_restore) and not (one.doubted and playing & set(one.clubs))
        )

    def put_right(self, fixture: int, *, done: bool) -> None:
        """*fixture* now is as it was said; or, if not *done*, that takes an operator."""
        one = self._settled[fixture]
        if done:
            result = one.result if one.said is None else result_of(one.said)
            self._settled[fixture] = replace(one, result=result, said=None, broken=False)
        else:
            self._settled[fixture] = replace(one, hindered=True)

    def _wants_asking(self, one: Reviewed, now_ms: int) -> bool:
        late = now_ms > one.kickoff_ms + LATE_MS
        if one.ruled or (late and not one.doubted):
            return False
        if (one.said is not None or one.doubted) and not one.hindered:
            return now_ms - one.asked_ms >= ASK_WAITING_MS
        soon = now_ms <= one.kickoff_ms + WINDOW_MS
        return now_ms - one.asked_ms >= (self._soon_ms if soon else self._later_ms)

    def _last_words(self) -> Iterator[Reviewed]:
        """Those on whose clubs no other result rests."""
        last: dict[InstrumentIdx, tuple[int, int]] = {}
        for one in self._settled.values():
            for club, version in zip(one.clubs, one.versions, strict=True):
                last[club] = max(last.get(club, (-1, 0)), (version, one.fixture))
        for one in self._settled.values():
            if all(last[club][1] == one.fixture for club in one.clubs):
                yield one


def _order(one: Reviewed) -> tuple[int, int]:
    return one.kickoff_ms, one.fixture


def _refreshed(stored: Reviewed, seen: Reviewed | None) -> Reviewed:
    if seen is None or stored.ruled or stored.result != seen.result:
        return stored
    return replace(seen, clubs=stored.clubs, versions=stored.versions, broken=stored.broken)
