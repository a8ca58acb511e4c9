"""All matches that are not settled yet, and which of them governs which club.

A club is governed by one match at a time: the earliest that has begun and is
not settled. A later one waits for it, so that results reach the price in the
order they were played, whatever the order or the lateness of the looks.

Source: docs/market.md, "Matches and trading".
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace

from .asking import ASK_MAX, in_window, long_void, wants_asking
from .ids import InstrumentIdx
from .match import MatchSnapshot
from .standing import Standing, doubtful, standings, still, unseen, waiting
from .tracking import Tracked, endless, missed, observed, resting


class MatchBook:
    """The matches being followed, in order of kick-off, and the clubs' ratings."""

    def __init__(self) -> None:
        self._ratings: dict[int, int] = {}
        self._matches: dict[int, Tracked] = {}

    def __len__(self) -> int:
        return len(self._matches)

    def refresh(self, tracked: Iterable[Tracked], ratings: Mapping[int, int]) -> None:
        """Take in what the store has; of a match that is on, keep what we saw ourselves.

        *ratings* are by team id, of every team that plays.
        """
        now = [_refreshed(one, self._matches.get(one.match.fixture)) for one in tracked]
        now.sort(key=lambda one: (one.match.kickoff_ms, one.match.fixture))
        self._ratings = dict(ratings)
        self._matches = {one.match.fixture: one for one in now}

    def observe(self, matches: Iterable[MatchSnapshot], now_ms: int) -> tuple[Tracked, ...]:
        """Take in a look at *now_ms*; return the matches that differ from before."""
        known = [match for match in matches if match.fixture in self._matches]
        return self._changed(
            observed(self._matches[match.fixture], match, now_ms) for match in known
        )

    def lacked(self, fixtures: Iterable[int], now_ms: int) -> tuple[Tracked, ...]:
        """A good answer at *now_ms* to a question for *fixtures* has none of them.

        Returns those that count for nothing from now on.
        """
        known = [self._matches[fixture] for fixture in fixtures if fixture in self._matches]
        return self._changed(missed(tracked, now_ms) for tracked in known)

    def to_ask(self, seen: Iterable[MatchSnapshot], now_ms: int) -> tuple[int, ...]:
        """Fixtures not *seen* in play to be asked for by id at *now_ms*; marks them asked.

        Those that have waited for it longest, where they are more than one call may ask for.
        """
        shown = {match.fixture for match in seen}
        busy = {club for one in self.governing() for club in (one.home, one.away)}
        wanted = [
            tracked
            for fixture, tracked in self._matches.items()
            # What came to nothing long ago, and may be decided by now, waits for the end of a
            # later match: it would govern the clubs of it.
            if fixture not in shown
            and wants_asking(tracked, now_ms)
            and not (long_void(tracked, now_ms) and busy & {tracked.home, tracked.away})
        ]
        wanted.sort(key=lambda tracked: tracked.asked_ms)
        asked = tuple(tracked.match.fixture for tracked in wanted[:ASK_MAX])
        for fixture in asked:
            self._matches[fixture] = replace(self._matches[fixture], asked_ms=now_ms)
        return asked

    def in_window(self, now_ms: int) -> bool:
        """Whether any match is, or may be, in play."""
        return any(in_window(tracked, now_ms) for tracked in self._matches.values())

    def governing(self) -> Iterator[Tracked]:
        """The matches that govern their clubs, by kick-off."""
        taken: set[InstrumentIdx] = set()
        for tracked in self._matches.values():
            if tracked.on:
                if not taken & {tracked.home, tracked.away}:
                    yield tracked
                # A match that waits for one club keeps its other club waiting too.
                taken |= {tracked.home, tracked.away}

    def rest(self, clubs: Set[InstrumentIdx], now_ms: int) -> None:
        """Trading of *clubs* is found to rest at *now_ms*; let it rest from then on."""
        for tracked in tuple(self.governing()):
            if clubs & {tracked.home, tracked.away}:
                self._matches[tracked.match.fixture] = resting(tracked, now_ms)

    def unopened(self) -> tuple[Tracked, ...]:
        """The governing matches whose prices before kick-off are not on record."""
        return tuple(tracked for tracked in self.governing() if not tracked.opened)

    def opened(self, fixtures: Iterable[int]) -> None:
        """The prices before kick-off of *fixtures* are on record."""
        for fixture in fixtures:
            self._matches[fixture] = replace(self._matches[fixture], opened=True)

    def standings(self, now_ms: int, stale_ms: int) -> dict[InstrumentIdx, Standing]:
        """What the clubs that a match governs, or may by now, should be at *now_ms*."""
        found: dict[InstrumentIdx, Standing] = {}
        for tracked in self._matches.values():
            if unseen(tracked, now_ms, stale_ms):
                found |= doubtful(tracked)
        for tracked in self._matches.values():
            if tracked.on:
                found |= waiting(tracked)
        for tracked in self.governing():
            found |= standings(tracked, self.rating_lead(tracked), now_ms, stale_ms)
        return found

    def still(self, stale_ms: int) -> tuple[int, ...]:
        """Fixtures of which the feed repeats an old answer."""
        return tuple(f for f, tracked in self._matches.items() if still(tracked, stale_ms))

    def endless(self, now_ms: int) -> tuple[int, ...]:
        """Fixtures that should be over long ago, and of which the feed has told no end."""
        return tuple(f for f, tracked in self._matches.items() if endless(tracked, now_ms))

    def rating_lead(self, tracked: Tracked) -> int:
        """Home rating minus away rating; stays as it is until the match is settled."""
        home, away = tracked.match.home.id, tracked.match.away.id
        return self._ratings[home] - self._ratings[away]

    def settled(self, tracked: Tracked, rating_gain: int) -> None:
        """*tracked* is done with; its home club gained *rating_gain* points from the other."""
        del self._matches[tracked.match.fixture]
        self._ratings[tracked.match.home.id] += rating_gain
        self._ratings[tracked.match.away.id] -= rating_gain

    def _changed(self, followed: Iterable[Tracked]) -> tuple[Tracked, ...]:
        changed = []
        for after in followed:
            before = self._matches[after.match.fixture]
            self._matches[after.match.fixture] = after
            if after.match != before.match:
                changed.append(after)
        return tuple(changed)


def _refreshed(stored: Tracked, seen: Tracked | None) -> Tracked:
    if seen is None:
        return stored
    if seen.on:
        return seen
    return replace(stored, seen_ms=seen.seen_ms, asked_ms=seen.asked_ms, gone_ms=seen.gone_ms)
