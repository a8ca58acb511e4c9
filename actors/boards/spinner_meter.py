"""What the weekly spinner counts for `/metrics`."""

from __future__ import annotations

from dataclasses import dataclass


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
