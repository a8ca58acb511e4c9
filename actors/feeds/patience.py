"""Asks the feed, and after a failure leaves it alone for a while.

`FeedUnavailable` ends here: the scheduler must stay up to halt what it cannot see.

Source: docs/operations.md, "The feed".
"""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import structlog

from ...domain.allowance import HOUR_MS
from ...store.feed import RateLimited
from ...store.outage import FeedUnavailable
from .budget import Budget

T = TypeVar("T")
log = structlog.get_logger(__name__)

PAUSE_MS = 2_000  #: after a failure, doubled with each further one
PAUSE_MAX_MS = 8_000


class Patience:
    """How the feed answers one kind of question, *asking*, which the log lines name.

    Counts the questions in *calls*, by kind and by whether they were answered, and pays for each
    from *budget*.
    """

    def __init__(self, asking: str, budget: Budget, calls: Counter[tuple[str, str]]) -> None:
        self._asking = asking
        self._budget = budget
        self._calls = calls
        self._quiet_until_ms = 0
        self._failures = 0
        self._health: dict[str, str | int] = {"state": "unknown"}

    @property
    def health(self) -> dict[str, str | int]:
        """State, last_ok and last_err (calendar ms), and the last error in words."""
        return dict(self._health)

    def over(self, now_ms: int) -> bool:
        """Whether no pause is running."""
        return now_ms >= self._quiet_until_ms

    def ask(self, now_ms: int, call: Callable[[], T]) -> T | None:
        """What *call* returns; None during a pause, after a failure, or if the plan has no more."""
        if not self.over(now_ms) or not self._budget.granted(now_ms):
            return None
        self._budget.spend(now_ms)
        try:
            answer = call()
        except FeedUnavailable as error:
            self._calls[self._asking, "failed"] += 1
            self._failed(error, now_ms)
            return None
        self._calls[self._asking, "ok"] += 1
        self._budget.answered(now_ms)
        if self._failures:
            log.info("feed_back", asking=self._asking, failures=self._failures)
        self._failures = 0
        self._health |= {"state": "ok", "last_ok": now_ms}
        return answer

    def _failed(self, error: FeedUnavailable, now_ms: int) -> None:
        if not self._failures:
            log.warning("feed_unavailable", asking=self._asking, error=str(error))
        pause_ms = min(PAUSE_MS << min(self._failures, 8), PAUSE_MAX_MS)
        if isinstance(error, RateLimited):
            pause_ms = min(error.resets_in_s * 1000, HOUR_MS)
            self._budget.refused(error.resets_in_s, now_ms)
        self._failures += 1
        self._quiet_until_ms = now_ms + pause_ms
        self._health |= {"state": "failing", "last_err": now_ms, "error": str(error)}
