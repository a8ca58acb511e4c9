"""What a scan looked at and why it left open what it left open, for whoever asks about a position.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..domain.positions import Position
from ..domain.refusals import Refusal
from ..domain.scanning import Cursor
from ..domain.ticks import Glance
from .courses import Begun


@dataclass(frozen=True, slots=True)
class NotClosed:
    """A tick that would have closed a position, and why it did not."""

    tick_id: str
    seq: int
    code: Refusal


@dataclass(slots=True)
class Trail:
    """One position's way through a scan.

    Attributes:
        position: as it was found, before anything.
        began, ended: the ticks it had been looked at up to, before and after.
        gap: ticks were missing in between.
        refused: in their order.
    """

    position: Position
    began: Cursor
    ended: Cursor
    gap: bool = False
    refused: list[NotClosed] = field(default_factory=list)


class Trace:
    """The trails of a scan's positions, by their ids."""

    def __init__(self) -> None:
        self.trails: dict[str, Trail] = {}

    def begun(self, courses: Iterable[Begun]) -> None:
        """Positions are about to be looked at, perhaps not for the first time."""
        for course in (each.course for each in courses):
            trail = Trail(course.position, course.cursor, course.cursor)
            self.trails.setdefault(course.position.id, trail)

    def followed(self, courses: Iterable[Begun]) -> None:
        """They have been taken over all ticks, or up to the ones that close them."""
        for course in (each.course for each in courses):
            trail = self.trails[course.position.id]
            trail.ended = max(trail.ended, course.cursor, key=lambda each: each.seq)
            trail.gap = trail.gap or course.gap

    def refused(self, position: Position, tick: Glance | None, code: Refusal) -> None:
        """A close was refused, or what ticks had moved could not be noted."""
        at = (tick.id, tick.seq) if tick else ("", 0)
        self.trails[position.id].refused.append(NotClosed(*at, code))
