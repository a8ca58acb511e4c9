"""When to ask the feed, and for what; keeps count of how it answers.

All of it runs on the calendar, so that a match at 2000 times its speed is asked
for as often as one in real time. `FeedUnavailable` ends here: the scheduler
must stay up to halt what it cannot see.

Source: docs/operations.md, "The feed".
"""

from collections.abc import Callable
from typing import TypeVar

import structlog

from ...domain.match import MatchSnapshot
from ...domain.matchbook import MatchBook
from ...store.feed import FeedProvider, RateLimited
from ...store.outage import FeedUnavailable

T = TypeVar("T")
log = structlog.get_logger(__name__)

IDLE_MS = 60_000  #: between two looks while nothing can be in play
DAY_MS = 86_400_000
BEHIND_MS = DAY_MS // 2  #: a listing begins here: matches of the night before may still be on
AHEAD_MS = 365 * DAY_MS  #: and ends a season later
PAUSE_MS = 2_000  #: after a failure, doubled with each further one
PAUSE_MAX_MS = 8_000


class Lookout:
    """Asks *feed* when it is due; one for each incarnation of the scheduler."""

    def __init__(self, feed: FeedProvider, list_ms: int) -> None:
        self._feed = feed
        self._list_ms = list_ms
        self._next_look_ms = 0
        self._next_list_ms = 0
        self._quiet_until_ms = 0
        self._failures = 0
        self._health: dict[str, str | int] = {"state": "unknown"}

    @property
    def health(self) -> dict[str, str | int]:
        """For `feed:health`: state, last_ok and last_err (calendar ms), error, calls left."""
        return {**self._health, **self._feed.status()}

    def listing(self, now_ms: int) -> tuple[MatchSnapshot, ...] | None:
        """What is to be played, if it is time to ask and the feed answers."""
        if now_ms < self._next_list_ms:
            return None
        start_ms, end_ms = now_ms - BEHIND_MS, now_ms + AHEAD_MS
        listed = self._ask(now_ms, lambda: self._feed.list_fixtures(start_ms, end_ms))
        if listed is not None:
            self._next_list_ms = now_ms + self._list_ms
        return listed

    def look(self, book: MatchBook, now_ms: int) -> tuple[MatchSnapshot, ...]:
        """What can be seen of the matches in *book*; nothing where it is too early to look."""
        if now_ms < self._next_look_ms:
            return ()
        playing = self._ask(now_ms, self._feed.inplay)
        if playing is None:
            return ()
        self._next_look_ms = now_ms if book.in_window(now_ms) else now_ms + IDLE_MS
        wanted = book.to_ask(playing, now_ms)
        if not wanted:
            return playing
        return playing + (self._ask(now_ms, lambda: self._feed.fixtures(wanted)) or ())

    def _ask(self, now_ms: int, call: Callable[[], T]) -> T | None:
        if now_ms < self._quiet_until_ms:
            return None
        try:
            answer = call()
        except FeedUnavailable as error:
            self._failed(error, now_ms)
            return None
        if self._failures:
            log.info("feed_back", failures=self._failures)
        self._failures = 0
        self._health |= {"state": "ok", "last_ok": now_ms}
        return answer

    def _failed(self, error: FeedUnavailable, now_ms: int) -> None:
        if not self._failures:
            log.warning("feed_unavailable", error=str(error))
        pause_ms = min(PAUSE_MS << min(self._failures, 8), PAUSE_MAX_MS)
        if isinstance(error, RateLimited):
            pause_ms = error.resets_in_s * 1000
        self._failures += 1
        self._quiet_until_ms = now_ms + pause_ms
        self._health |= {"state": "failing", "last_err": now_ms, "error": str(error)}
