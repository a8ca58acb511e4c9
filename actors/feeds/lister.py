"""Reads what is to be played, a page at a time, so that nothing waits for a whole listing.

A listing may take many calls. Where it has got to is kept here and outlives a
loss of the lease: it goes on with the page it was at, and what was listed is
not listed again before its time. Every call counts against the plan.

Source: docs/operations.md, "The feed".
"""

from collections import Counter

from ...domain.match import MatchSnapshot
from ...store.feed import FeedProvider, Pages
from .budget import Budget
from .patience import Patience

DAY_MS = 86_400_000
BEHIND_MS = DAY_MS // 2  #: a listing begins here: matches of the night before may still be on
AHEAD_MS = 365 * DAY_MS  #: and ends a season later


class Lister:
    """Lists from *feed* every *list_ms*; one for each incarnation of the scheduler."""

    def __init__(
        self,
        feed: FeedProvider,
        list_ms: int,
        budget: Budget | None = None,
        calls: Counter[tuple[str, str]] | None = None,
    ) -> None:
        self._feed = feed
        self._list_ms = list_ms
        counted: Counter[tuple[str, str]] = Counter() if calls is None else calls
        self._patience = Patience("listing", budget or Budget(feed), counted)
        self._pages: Pages | None = None
        self._begun_ms = 0
        self._due_ms = 0

    @property
    def health(self) -> dict[str, str | int]:
        """`listing`: unknown, ok or failing."""
        return {"listing": self._patience.health["state"]}

    def due(self, now_ms: int, playing: bool) -> bool:
        """Whether a page is to be read at *now_ms*, while matches are *playing* or not.

        A listing can wait for the end of play, but where play never ends not for ever.
        """
        due_ms = self._due_ms + self._list_ms if playing and self._due_ms else self._due_ms
        return now_ms >= due_ms and self._patience.over(now_ms)

    def page(self, now_ms: int) -> tuple[MatchSnapshot, ...] | None:
        """The next page by one call to the feed; None if it gave no good answer."""
        # One that hangs on a page for so long begins anew: its days have moved on.
        if self._pages is None or now_ms - self._begun_ms >= self._list_ms:
            self._pages = self._feed.list_fixtures(now_ms - BEHIND_MS, now_ms + AHEAD_MS)
            self._begun_ms = now_ms
        page = self._patience.ask(now_ms, self._pages.read)
        if page is not None and not self._pages.more:
            self._pages = None
            self._due_ms = now_ms + self._list_ms
        return page
