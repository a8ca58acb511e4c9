"""How much a client may send in a second."""

from __future__ import annotations

#: A message that is answered costs about a tenth of a millisecond, a piece of one a fifth of that.
MESSAGE, PIECE = 5, 1


class Allowance:
    """Counts within windows of one second; a burst of the whole window is fine."""

    __slots__ = ("_most", "_spent", "_window_at")

    def __init__(self, per_second: int | None) -> None:
        """Allow so many whole messages, or *MESSAGE* times as many pieces of messages."""
        self._most = None if per_second is None else per_second * MESSAGE
        self._window_at = 0.0
        self._spent = 0

    def spend(self, now_s: float, cost: int = MESSAGE) -> bool:
        """Take what came at *now_s* into account; False when it is too much."""
        if self._most is None:
            return True
        if now_s - self._window_at >= 1.0:
            self._window_at, self._spent = now_s, 0
        self._spent += cost
        return self._spent <= self._most
