"""All settled matches that may still be put right: which to ask for, and whose clubs are in doubt.

Source: docs/market.md, "Results that are put right".
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from .asking import ASK_MAX, ASK_PLAYING_MS, ASK_WAITING_MS
from .halts import Halt, Phase
from .ids import InstrumentIdx
from .instrument import Instrument
from .match import MatchSnapshot
from .review import Reviewed, result_of, reviewed
from .standing import Standing
from .tracking import LATE_MS, PLAYING, WINDOW_MS

LATER_MS = 60 * 60_000  #: between two looks at a match that was played some days ago


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
        latest_ms = 2 * LATE_MS if one.doubted else LATE_MS
        if one.ruled or now_ms > one.kickoff_ms + latest_ms:
            return False
        if (one.said is not None or one.doubted) and not one.hindered:
            # One that is said to be in play is seen without being asked for, until it is over.
            playing = one.said is not None and one.said.phase in PLAYING
            known_ms = max(one.asked_ms, one.seen_ms)
            return now_ms - known_ms >= (ASK_PLAYING_MS if playing else ASK_WAITING_MS)
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


def found_halted(instruments: Iterable[Instrument]) -> set[InstrumentIdx]:
    """Those halted as `ReviewBook.standings` has it: whoever led before doubted a result."""
    return {
        each.idx
        for each in instruments
        if each.phase is Phase.SCHEDULED and each.halt & Halt.MATCH_SUSPENDED
    }
