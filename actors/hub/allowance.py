"""How many messages a client may send in a second."""

from __future__ import annotations


class Allowance:
    """Counts within windows of one second; a burst of the whole window is fine."""

    __slots__ = ("_per_second", "_spent", "_window_at")

    def __init__(self, per_second: int | None) -> None:
        self._per_second = per_second
        self._window_at = 0.0
        self._spent = 0

    def spend(self, now_s: float) -> bool:
        """Count one message at *now_s*; False when it is one too many."""
        if self._per_second is None:
            return True
        if now_s - self._window_at >= 1.0:
            self._window_at, self._spent = now_s, 0
        self._spent += 1
        return self._spent <= self._per_second
