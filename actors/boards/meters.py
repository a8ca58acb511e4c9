"""What `week-freezer` and `weekly-spinner` count; it outlives their incarnations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class WeekMeter:
    """The ends of weeks.

    Attributes:
        frozen: weeks that were frozen here.
        level_at: monotonic seconds of the last look here that found no week to freeze or to open.
        token: of the lease, when it was held here last.
        seen_ms: the calendar when the first incarnation here began.
    """

    frozen: int = 0
    level_at: float | None = None
    token: int = 0
    seen_ms: int = 0

    def lag_s(self, now: float) -> float | None:
        """How long at *now* (monotonic seconds) a week has waited, about."""
        return None if self.level_at is None else now - self.level_at


@dataclass(slots=True)
class SpinnerMeter:
    """The weekly spinner.

    Attributes:
        draws: made here.
        unpaid: prizes, as last looked at here, that are drawn and not known to be in the ledger.
        hindered: weeks whose draw somebody has to look at.
        level_at: monotonic seconds of the beginning of the last term. ``token``: of the lease,
            when it was held here last.
    """

    draws: int = 0
    unpaid: int = 0
    hindered: int = 0
    level_at: float | None = None
    token: int = 0
