"""How often prices go out: at once after a pause, and less often the more of them there are.

A send costs the same whether it brings one price or ten, and every client gets one per flush. So
what moves alone is sent twelve times a second, and where many clubs move, all that comes within a
quarter of a second goes out together.

Source: docs/decisions/0030-prices-go-out-together.md.
"""

from __future__ import annotations

ALONE_S = 0.08  #: between two flushes of one price each
FOR_EACH_S = 0.03  #: more for every other price in the first of them
MOST_S = 0.25
#: How much earlier a flush may come. Without it a feed of exactly ten a second that was late once
#: would be early for ever after, and each of its prices would wait for as long as that.
EARLY_S = 0.05


class Tempo:
    """The pauses between flushes; in monotonic seconds."""

    def __init__(self) -> None:
        self._next_at = float("-inf")

    def next_at(self, now_s: float) -> float:
        """When what waits at *now_s* may go out; not before *now_s*."""
        return max(now_s, self._next_at - EARLY_S)

    def went_out(self, now_s: float, prices: int) -> None:
        """Note a flush of so many *prices*."""
        pause_s = min(MOST_S, ALONE_S + FOR_EACH_S * (prices - 1))
        # Of flushes that did not wait only the last counts: many halts must not hold up prices.
        self._next_at = max(now_s, min(self._next_at, now_s + EARLY_S)) + pause_s
