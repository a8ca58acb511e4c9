"""The reading half of a scan: positions as they are, and the ticks each has not been checked at.

The newest tick is looked up before the positions are read, and no position is followed beyond it.
Whatever an owner changes after that counts from a tick at least as new, so no script accepts what
was found by the old stops.
Source: docs/market.md, "What closes a position".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import redis

from ..domain.ids import InstrumentIdx
from ..domain.positions import Position
from ..domain.scanning import UNTRIED, Course, Cursor, Tried, advanced, cursor_at
from .keys import Keys
from .position_hashes import position_of
from .stretches import PAGE, Stretches

#: Positions in one step: a pipeline, or a piece of computing. In between Redis serves others, and
#: the event loop turns.
STEP = 100

T = TypeVar("T")


@dataclass(slots=True)
class ScanCounts:
    """What all scans of a process came to.

    Attributes:
        closes: by reason and by whoever asked for the scan.
        ticks: read. ``gaps``: positions that ticks were missing for.
    """

    closes: Counter[tuple[str, str]] = field(default_factory=Counter)
    ticks: int = 0
    gaps: int = 0


class Limits(NamedTuple):
    """A club's newest tick, and the last one that its watch has passed."""

    newest: Cursor
    watched: Cursor


@dataclass(slots=True)
class Begun:
    """A course, and the number of the tick that it began after."""

    course: Course
    began_seq: int


class Courses:
    """Reads positions and ticks from one Redis."""

    def __init__(self, client: redis.Redis, keys: Keys, counts: ScanCounts) -> None:
        self._redis = client
        self._keys = keys
        self._stretches = Stretches(client, keys)
        self._counts = counts

    def limits(self, clubs: Sequence[InstrumentIdx]) -> dict[InstrumentIdx, Limits]:
        """Those of each club."""
        pipeline = self._redis.pipeline(transaction=False)
        for idx in clubs:
            pipeline.hmget(self._keys.inst(idx), "tid", "seq")
            pipeline.hmget(self._keys.watch(idx), "id", "s")
        found = list(map(_cursor, pipeline.execute()))
        return dict(zip(clubs, map(Limits, found[::2], found[1::2]), strict=True))

    def load(
        self, ids: Sequence[str], limits: Mapping[InstrumentIdx, Limits], tried: Mapping[str, Tried]
    ) -> list[Begun]:
        """Those of *ids* that are open, each at its effective cursor."""
        pipeline = self._redis.pipeline(transaction=False)
        for position_id in ids:
            pipeline.hgetall(self._keys.pos(position_id))
        return [
            _begun(position_of(fields), limits, tried.get(fields["id"], UNTRIED))
            for fields in pipeline.execute()
            if fields and fields["qty"] != "0"
        ]

    def follow(self, idx: InstrumentIdx, all_: Sequence[Begun], upto: Cursor) -> Iterator[int]:
        """Take all courses, of one club, over its ticks; yield now and then how many were read."""
        cursors = [begun.course.cursor for begun in all_]
        after = min(cursors, key=_place, default=upto)
        going = all_
        while going and after.seq < upto.seq:
            stretch = self._stretches.read(idx, after, upto)
            self._counts.ticks += len(stretch.ticks)
            yield len(stretch.ticks)
            for some in pieces(going):
                for begun in some:
                    self._advance(begun, advanced(begun.course, stretch))
                yield 0
            if len(stretch.ticks) < PAGE:
                return
            going = [begun for begun in going if begun.course.closing is None]
            after = cursor_at(stretch.ticks[-1])

    def _advance(self, begun: Begun, course: Course) -> None:
        if course.gap and not begun.course.gap:
            self._counts.gaps += 1
        begun.course = course


def pieces(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    """*whole* in parts of `STEP`."""
    for at in range(0, len(whole), STEP):
        yield whole[at : at + STEP]


def _begun(position: Position, limits: Mapping[InstrumentIdx, Limits], tried: Tried) -> Begun:
    own = Cursor(position.checked_tick_id, position.checked_seq)
    cursor = max(own, limits[position.idx].watched, key=lambda each: each.seq)
    return Begun(Course(position, cursor, tried=tried), cursor.seq)


def _place(cursor: Cursor) -> tuple[int, int, int]:
    # Who has seen a candle's low or high has the number of the tick before it (cursor_at), as has
    # who has seen neither: the id tells who is behind.
    ms, _, number = cursor.tick_id.partition("-")
    return cursor.seq, int(ms), int(number)


def _cursor(found: Sequence[Any]) -> Cursor:
    tick_id, seq = found
    return Cursor(tick_id or "0-0", int(seq or 0))
