"""Results that are set anew, or taken back: settled from the base prices before the match.

An act holds the fixture's row, has Redis rebase both clubs at once, and commits the fact of it. If
the process dies in between, the same act finds in Redis what it wants, and writes the fact. After
an act of an operator the scheduler is told to begin anew, and reads the row then; the feed's own
come from the scheduler.

Source: docs/market.md, "Results that operators set", "Results that are put right".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import redis

from ..domain.halts import Phase
from ..domain.ids import InstrumentIdx
from ..domain.index import kickoff_bps
from ..domain.refusals import Refusal, Refused
from ..domain.results import Pair, Start, bases_after, points_between
from ..domain.ticks import Why
from . import wire
from .fence import Fenced
from .fixture_results import (
    write_fact,
    write_history,
    write_ratings,
    write_result,
    write_ruled,
    write_start,
    write_void,
)
from .fixture_rows import FixtureRow, governs, locked_row
from .hot import Hot
from .keys import Keys, State
from .life import show_life
from .lua import KERNEL, MARKET, TICKS, LuaScript
from .postgres import Postgres
from .refusals import Cursor
from .telling import Tell, nobody


class Hindrance(StrEnum):
    """Why a result cannot be set."""

    UNKNOWN = "unknown"
    LIVE = "live"  #: it is being played
    NOT_BEGUN = "not begun"
    CLUB_IN_PLAY = "club in play"  #: another match moves one of the clubs now
    OVERTAKEN = "overtaken"  #: a later result rests on this one
    UNSETTLED = "unsettled"  #: it has no result that the feed could put right
    RULED = "ruled"  #: an operator has said what it came to, and the feed is not heard


@dataclass(frozen=True, slots=True)
class ResultChange:
    """A fixture before and after; equal if there was nothing to do."""

    before: FixtureRow
    after: FixtureRow


@dataclass(frozen=True, slots=True)
class Leader:
    """Who speaks for the feed: *owner* of the scheduler's lease; *admit* raises `Fenced`."""

    owner: str
    admit: Callable[[Cursor], None]


class FixtureActs:
    """Fixtures in Postgres, and the instruments they move in Redis."""

    def __init__(self, pg: Postgres, client: redis.Redis, keys: Keys, hot: Hot) -> None:
        self._pg = pg
        self._client = client
        self._keys = keys
        self._hot = hot
        self._rebase = LuaScript("fixture_rebase", KERNEL, MARKET, TICKS)

    def resettle(
        self, fixture: int, goals: Pair, now_ms: int, tell: Tell[ResultChange] = nobody
    ) -> ResultChange | Hindrance:
        """Give *fixture* the result *goals* (after extra time), whether it had one or not.

        *tell* of it in the same transaction; the scheduler is told after it.
        """
        outcome = self._ruled(fixture, goals, now_ms, tell)
        if outcome is Hindrance.OVERTAKEN and self._started_anew(fixture, now_ms):
            outcome = self._ruled(fixture, goals, now_ms, tell)
        return outcome

    def void(
        self, fixture: int, now_ms: int, tell: Tell[ResultChange] = nobody
    ) -> ResultChange | Hindrance:
        """Have *fixture* count for nothing: both clubs are worth what they were before it.

        *tell* of it as `resettle` does.
        """
        return self._ruled(fixture, None, now_ms, tell)

    def put_right(
        self,
        fixture: int,
        goals: Pair,
        now_ms: int,
        leader: Leader,
        tell: Tell[ResultChange],
    ) -> ResultChange | Hindrance:
        """Give *fixture*, which is settled, the result that the feed now has; no operator's word.

        *tell* as `resettle` does.

        Raises:
            Fenced: *leader* leads no more; nothing was changed.
        """
        return self._settled(fixture, goals, now_ms, tell, leader)

    def restore(self, fixture: int, now_ms: int, leader: Leader) -> ResultChange | Hindrance:
        """Have both clubs of *fixture* at the base prices it has left, whatever was broken off."""
        life = self._hot.life()
        with self._pg.transaction() as cursor:
            show_life(cursor, life)
            leader.admit(cursor)
            row = locked_row(cursor, fixture)
            if row is None or not row.settled:
                return Hindrance.UNSETTLED
            return self._changed(cursor, row, row.goals, now_ms, leader)

    def _ruled(
        self, fixture: int, goals: Pair | None, now_ms: int, tell: Tell[ResultChange]
    ) -> ResultChange | Hindrance:
        def tell_too(cursor: Cursor, change: ResultChange) -> None:
            # Also where that was the result already: from now on it is an operator's word.
            write_ruled(cursor, fixture, now_ms)
            tell(cursor, change)

        try:
            return self._settled(fixture, goals, now_ms, tell_too)
        finally:
            # Also where it was broken off: prices may have moved.
            self._hot.begin_feed_anew()

    def _settled(
        self,
        fixture: int,
        goals: Pair | None,
        now_ms: int,
        tell: Tell[ResultChange],
        leader: Leader | None = None,
    ) -> ResultChange | Hindrance:
        life = self._hot.life()
        with self._pg.transaction() as cursor:
            show_life(cursor, life)
            if leader:
                leader.admit(cursor)
            row = locked_row(cursor, fixture)
            if row is None:
                return Hindrance.UNKNOWN
            if leader and not row.settled:
                return Hindrance.UNSETTLED
            if leader and row.ruled:
                return Hindrance.RULED
            change = self._changed(cursor, row, goals, now_ms, leader)
            if isinstance(change, ResultChange):
                tell(cursor, change)
                write_history(cursor, fixture, now_ms)
            return change

    def _changed(
        self,
        cursor: Cursor,
        row: FixtureRow,
        goals: Pair | None,
        now_ms: int,
        leader: Leader | None,
    ) -> ResultChange | Hindrance:
        if hindered := _hindrance(row, goals, now_ms):
            return hindered
        if _is_so(row, goals) and self._has_left(row):
            return ResultChange(row, row)
        governing = governs(cursor, row)
        if goals is None and row.left is None and not governing:
            write_void(cursor, row, now_ms)  # it has moved nothing
            return ResultChange(row, replace(row, voided=True, phase=Phase.VOID))
        start = row.start or self._start_now(row)
        bases = bases_after(start, row.weight_bps, goals)
        expected = row.left or start.bases
        versions = self._rebased(row, expected, bases, now_ms, leader, governing=governing)
        if isinstance(versions, Hindrance):
            return versions
        after = _write_result(cursor, row, start, goals, now_ms)
        write_fact(cursor, row, goals, bases, versions, now_ms)
        return ResultChange(row, replace(after, left=bases))

    def _has_left(self, row: FixtureRow) -> bool:
        """Whether prices are what *row* has left, as far as Redis knows: no act was broken off."""
        (left,) = self._hot.left_by([row.id])
        return left is None or left == row.left

    def _started_anew(self, fixture: int, now_ms: int) -> bool:
        """Have a void match start from the prices of now, which others have moved; whether it may.

        Written down by itself: whoever settles it after that, however often, starts from there.
        """
        life = self._hot.life()
        with self._pg.transaction() as cursor:
            show_life(cursor, life)
            row = locked_row(cursor, fixture)
            if row is None or not row.voided or row.start is None:
                return False
            bases, versions = (Pair(*each) for each in zip(*self._bases(row), strict=True))
            write_start(cursor, row.id, bases)
            write_fact(cursor, row, None, bases, versions, now_ms)
            return True

    def _bases(self, row: FixtureRow) -> list[tuple[int, int]]:
        """The base price of either club, and a version of the instrument that has it."""
        found = [self._hot.instrument(InstrumentIdx(idx)) for idx in row.clubs]
        return [(each.base_px, each.version) for each in found if each is not None]

    def _start_now(self, row: FixtureRow) -> Start:
        """What the match would have started from, if it had been seen to."""
        bases = Pair(*(base_px for base_px, _ in self._bases(row)))
        return Start(kickoff_bps(row.ratings.home - row.ratings.away), bases)

    def _rebased(
        self,
        row: FixtureRow,
        expected: Pair,
        bases: Pair,
        now_ms: int,
        leader: Leader | None,
        *,
        governing: bool,
    ) -> Pair | Hindrance:
        keys, (home, away) = self._keys, row.clubs
        names = [keys.settled(row.id), keys.dirty(State.INSTRUMENTS)]
        for idx in (InstrumentIdx(home), InstrumentIdx(away)):
            names += [keys.inst(idx), keys.ticks(idx)]
        numbers = (now_ms, home, away, expected.home, bases.home, expected.away, bases.away)
        names.append(keys.lease("scheduler"))
        why, owner = (Why.FEED, leader.owner) if leader else (Why.ADMIN, "")
        args = [*map(str, numbers), "1" if governing else "0", why.value, owner]
        reply: Any = self._rebase.run(self._client, names, args)
        if reply[0] == "refused":
            return _refused(wire.refusal_of(reply))
        return Pair(int(reply[1]), int(reply[2]))


def _refused(refused: Refused) -> Hindrance:
    match refused.code:
        case Refusal.BASE_MOVED:
            return Hindrance.OVERTAKEN
        case Refusal.CLUB_IN_PLAY:
            return Hindrance.CLUB_IN_PLAY
        case Refusal.FENCED:
            raise Fenced("another replica holds the lease")
        case _:
            raise KeyError(refused.code)


def _hindrance(row: FixtureRow, goals: Pair | None, now_ms: int) -> Hindrance | None:
    if row.live(now_ms):
        return Hindrance.LIVE
    if goals is not None and not row.begun:
        return Hindrance.NOT_BEGUN
    return None


def _is_so(row: FixtureRow, goals: Pair | None) -> bool:
    return row.voided if goals is None else row.settled and row.goals == goals


def _write_result(
    cursor: Cursor, row: FixtureRow, start: Start, goals: Pair | None, now_ms: int
) -> FixtureRow:
    """Write the result of *row*, which began with *start*, and move both ratings."""
    if goals is None:
        write_void(cursor, row, now_ms)
        after = replace(row, settled=False, voided=True, phase=Phase.VOID)
    else:
        write_result(cursor, row, start, goals, now_ms)
        after = replace(row, settled=True, voided=False, phase=Phase.FINISHED, goals=goals)
    # What the result in force has given is taken back.
    gained = points_between(start, row.goals if row.settled else None, goals)
    write_ratings(cursor, row.teams, gained)
    ratings = Pair(row.ratings.home + gained, row.ratings.away - gained)
    return replace(after, start=start, ratings=ratings)
