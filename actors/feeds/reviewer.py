"""Asks again about matches that are settled: their results may be put right later.

Source: docs/operations.md, "The feed".
"""

from collections import Counter

from ...domain.reviewbook import ReviewBook
from ...store.feed import FeedProvider
from .budget import Budget
from .patience import Patience


class Reviewer:
    """Asks *feed* about what is in *book*; one for each incarnation of the scheduler."""

    def __init__(
        self,
        feed: FeedProvider,
        book: ReviewBook,
        budget: Budget,
        calls: Counter[tuple[str, str]] | None = None,
    ) -> None:
        self._feed = feed
        self._book = book
        self._patience = Patience("reviews", budget, Counter() if calls is None else calls)

    def due(self, now_ms: int) -> bool:
        """Whether something is to be asked for at *now_ms*."""
        return self._patience.over(now_ms) and self._book.due(now_ms)

    def ask(self, now_ms: int) -> None:
        """One call to the feed; the book takes in what it shows."""
        wanted = self._book.to_ask(now_ms)
        found = self._patience.ask(now_ms, lambda: self._feed.fixtures(wanted))
        if found is not None:
            self._book.asked(wanted, now_ms)
            self._book.observe(found, now_ms)
