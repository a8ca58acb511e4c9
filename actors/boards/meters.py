"""What the `week-freezer` counts; it outlives its incarnations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class WeekMeter:
    """The ends of weeks.

    Attributes:
        frozen: weeks that were frozen here.
        level_at: monotonic seconds of the last look here that found no week to freeze or to open.
        token: of the lease, when it was held here last.
    """

    frozen: int = 0
    level_at: float | None = None
    token: int = 0

    def lag_s(self, now: float) -> float | None:
        """How long at *now* (monotonic seconds) a week has waited, about."""
        return None if self.level_at is None else now - self.level_at
