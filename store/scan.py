"""One scan of some positions, in bounded steps: what ticks did to them since they were checked.

Nothing found here is taken on trust: a close names its tick, and the script proves the breach
again; what ticks moved is noted against the version that was read. So scans of the same position
may meet, die anywhere and be repeated: it is closed once, and at the same tick.
Source: docs/market.md, "What closes a position".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from ..domain.clock import Calendar
from ..domain.ids import InstrumentIdx, uuid7
from ..domain.position_events import By
from ..domain.positions import Position
from ..domain.refusals import Refusal, Refused
from ..domain.scanning import Course, Tried, passed
from .courses import Begun, Courses, Limits, ScanCounts, pieces
from .position_commands import FollowCommand, Happened, PositionKey, TriggerCommand
from .scripts import Scripts
from .stretches import PAGE
from .trace import Trace

TRIES = 5  #: readings of a position that each time has changed before it could be dealt with

ByClub = Mapping[InstrumentIdx, Sequence[str]]
"""Ids of positions by their clubs."""

#: The position stays open, and is looked at again with the next tick.
_ARMED = frozenset({Refusal.TAKE_PROFIT_NOT_REACHABLE, Refusal.INSUFFICIENT_MARGIN})
_GONE = frozenset({Refusal.POSITION_CLOSED, Refusal.POSITION_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Means:
    """What all scans work with."""

    courses: Courses
    scripts: Scripts
    calendar: Calendar
    counts: ScanCounts


class Scan:
    """A scan of *positions* under way; `step` it until it is done.

    Args:
        lease_owner: who must hold `lease:stop-watcher` for its closes; None if nobody.
        trace: takes down what happens to each position, if somebody wants to know.

    Attributes:
        happened: closes so far, in the order of their ticks, then of their positions.
        ticks: read so far.
        left: positions that could not be dealt with; none, but for a bug or a full wallet.
        fenced: the lease was somebody else's, so no more is done.
    """

    def __init__(
        self,
        means: Means,
        positions: ByClub,
        by: By,
        lease_owner: str | None,
        trace: Trace | None = None,
    ) -> None:
        self.happened: list[Happened] = []
        self.ticks = 0
        self.left: list[str] = []
        self.fenced = False
        self._means = means
        self._by = by
        self._lease_owner = lease_owner
        self._trace = trace
        self._waiting = {idx: dict.fromkeys(ids) for idx, ids in positions.items()}
        self._begun: dict[str, Begun] = {}
        self._tries: Counter[str] = Counter()
        self._tried: dict[str, Tried] = {}
        self._steps = self._run()

    def step(self) -> bool:
        """Do some more of it; False once it is done. May raise an outage of Redis."""
        return next(self._steps, _DONE) is not _DONE

    def _run(self) -> Iterator[None]:
        """Round by round; whatever could not be dealt with in one is read anew for the next."""
        # Once for all rounds: what a refused close says of later ticks (domain/scanning.py, Tried)
        # is true of those that were there before it was tried. Since then the inventory may have
        # changed, by this scan's own closes for a start.
        limits = self._means.courses.limits(list(self._waiting))
        while self._waiting and not self.fenced:
            waiting, self._waiting, self._begun = self._waiting, {}, {}
            yield from self._follow(waiting, limits)
            yield from self._note([begun for begun in self._begun.values() if _owes(begun)])
            yield from self._close()

    def _follow(
        self, waiting: Mapping[InstrumentIdx, Iterable[str]], limits: Mapping[InstrumentIdx, Limits]
    ) -> Iterator[None]:
        courses = self._means.courses
        begun: dict[InstrumentIdx, list[Begun]] = {idx: [] for idx in waiting}
        # Read together: while others keep the process busy a round trip costs more than its work.
        for some in pieces([each for ids in waiting.values() for each in ids]):
            for one in courses.load(some, limits, self._tried):
                begun[one.course.position.idx].append(one)
            yield
        if self._trace:
            self._trace.begun(one for here in begun.values() for one in here)
        for idx, here in begun.items():
            for ticks in courses.follow(idx, here, limits[idx].newest):
                self.ticks += ticks
                yield
            self._begun |= {one.course.position.id: one for one in here}
            if self._trace:
                self._trace.followed(here)

    def _note(self, owing: Sequence[Begun]) -> Iterator[None]:
        for some in pieces(owing):
            noted = self._means.scripts.position_follow([_moved(one.course) for one in some])
            for one, version in zip(some, noted, strict=True):
                if isinstance(version, Refused):
                    self._refused(one, version)
                else:
                    position = replace(one.course.position, version=version)
                    one.course = replace(one.course, position=position, follow_tick_id=None)
            yield

    def _close(self) -> Iterator[None]:
        """Close what is to be closed, by tick and then by position."""
        due = [begun for begun in self._begun.values() if begun.course.closing]
        ordered = sorted(due, key=_order)
        batches = ([self._trigger(one.course) for one in some] for some in pieces(ordered))
        left = iter(ordered)
        for outcomes in self._means.scripts.execute_ahead(batches):
            passing = []
            for one, outcome in zip(islice(left, len(outcomes)), outcomes, strict=True):
                if isinstance(outcome, Happened):
                    self._closed(outcome)
                elif isinstance(outcome, Refused) and not self._refused(one, outcome):
                    passing.append(one)
            yield
            yield from self._note(passing)
            if self.fenced:
                return

    def _closed(self, close: Happened) -> None:
        self.happened.append(close)
        reason = close.event.reason
        self._means.counts.closes[reason.value if reason else "", self._by.value] += 1

    def _refused(self, begun: Begun, refused: Refused) -> bool:
        """Take in why nothing was done; False if the course has passed its tick all the same."""
        position, closing = begun.course.position, begun.course.closing
        self._begun.pop(position.id, None)  # this round is over for it
        if self._trace:
            self._trace.refused(position, closing, refused.code)
        if refused.code is Refusal.FENCED:
            self.fenced = True
        elif refused.code in _ARMED and closing:
            covered = refused.code is Refusal.TAKE_PROFIT_NOT_REACHABLE
            begun.course = passed(begun.course, covered=covered)
            self._tried[position.id] = begun.course.tried
            self._again(position)
            return False
        elif refused.code not in _GONE:
            self._tries[position.id] += 1
            if self._tries[position.id] < TRIES:
                self._again(position)
            else:
                self.left.append(position.id)
        return True

    def _again(self, position: Position) -> None:
        self._waiting.setdefault(position.idx, {})[position.id] = None

    def _trigger(self, course: Course) -> TriggerCommand:
        now_ms = self._means.calendar()
        return TriggerCommand(
            event_id=uuid7(now_ms),
            position=_key(course.position),
            tick_id=course.closing.id if course.closing else "",
            by=self._by,
            approximate=course.gap,
            lease_owner=self._lease_owner,
            now_ms=now_ms,
        )


_DONE = object()


def _owes(begun: Begun) -> bool:
    """Whether something has to be noted, before a close or instead of one."""
    course = begun.course
    if course.closing:
        # A stop that moved has to be where its script can prove that it was met.
        return course.follow_tick_id is not None
    moved = course.position.checked_seq > begun.began_seq
    # Nobody need go a long way again; and over a gap a script never goes (lua/breaches.lua).
    return moved or course.gap or course.cursor.seq - begun.began_seq >= PAGE


def _moved(course: Course) -> FollowCommand:
    return FollowCommand(
        position=_key(course.position),
        version=course.position.version,
        tick_id=course.cursor.tick_id,
        seq=course.cursor.seq,
        follow_tick_id=course.follow_tick_id,
        warned=course.position.warned,
    )


def _key(position: Position) -> PositionKey:
    return PositionKey(position.id, position.user, position.idx)


def _order(begun: Begun) -> tuple[int, int, str]:
    closing = begun.course.closing
    ms, _, number = (closing.id if closing else "0-0").partition("-")
    return int(ms), int(number), begun.course.position.id
