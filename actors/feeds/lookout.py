"""When to look at what is being played; keeps count of how the feed answers.

All of it runs on the calendar, so that a match at 2000 times its speed is asked
for as often as one in real time.

Source: docs/operations.md, "The feed".
"""

from collections import Counter
from dataclasses import dataclass

from ...domain.clock import rfc3339
from ...domain.match import MatchSnapshot
from ...domain.matchbook import MatchBook
from ...store.feed import FeedProvider
from .budget import Budget
from .patience import Patience

IDLE_MS = 60_000  #: between two looks while nothing can be in play


@dataclass(frozen=True, slots=True)
class Look:
    """What could be seen: *matches*, and fixtures that were asked for and are *lacking*."""

    matches: tuple[MatchSnapshot, ...] = ()
    lacking: tuple[int, ...] = ()


class Lookout:
    """Looks at *feed* when it is due; one for each incarnation of the scheduler."""

    def __init__(
        self, feed: FeedProvider, budget: Budget, calls: Counter[tuple[str, str]] | None = None
    ) -> None:
        self._feed = feed
        self._budget = budget
        self._patience = Patience("looks", budget, Counter() if calls is None else calls)
        self._idle_until_ms = 0
        self.looked = False  #: whether the last call of `look` asked the feed

    @property
    def health(self) -> dict[str, str | int]:
        """For `feed:health`: state, last_ok and last_err (calendar ms), error, calls left."""
        return {**self._patience.health, **self._feed.status()}

    def ailing(self, now_ms: int) -> str:
        """Why nothing can be seen, and since when; empty while looks succeed."""
        health = self._patience.health
        if health["state"] != "failing":
            return self._budget.wanting(now_ms)
        seen = f"since {rfc3339(int(health['last_ok']))}" if "last_ok" in health else "yet"
        return f"no good look at the feed {seen}: {health['error']}"

    def sees(self, now_ms: int) -> bool:
        """Whether no failure of a look is being waited out."""
        return self._patience.over(now_ms)

    def spares(self, now_ms: int) -> bool:
        """Whether something else may be asked for: beside a look, or when one might be had."""
        return self.sees(now_ms) and (self.looked or self._budget.look_due(now_ms))

    def look(self, book: MatchBook, now_ms: int) -> Look:
        """What can be seen of the matches in *book*; nothing where it is too early to look."""
        self.looked = False
        if now_ms < self._idle_until_ms and not book.in_window(now_ms):
            return Look()
        if not self._budget.look_due(now_ms):
            return Look()
        self.looked = True
        playing = self._patience.ask(now_ms, self._feed.inplay)
        if playing is None:
            return Look()
        self._idle_until_ms = now_ms + IDLE_MS
        wanted = book.to_ask(playing, now_ms)
        found = self._patience.ask(now_ms, lambda: self._feed.fixtures(wanted)) if wanted else ()
        if found is None:
            return Look(playing)
        # What was not understood may be any of those that are lacking.
        understood = not self._feed.status().get("unreadable")
        lacking = set(wanted) - {match.fixture for match in found} if understood else ()
        return Look(playing + found, tuple(lacking))
