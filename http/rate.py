"""How often something may happen."""

from __future__ import annotations

from ..domain.clock import Monotonic


class Rate:
    """A token bucket: *per_s* a second in the long run, *burst* at once after a quiet time."""

    def __init__(self, per_s: float, burst: float, monotonic: Monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._monotonic = monotonic
        self._tokens = burst
        self._at = monotonic()

    def allows_one(self) -> bool:
        """Whether one more fits; counts it if so."""
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def give_back(self) -> None:
        """What was allowed last did not happen."""
        self._tokens += 1.0
