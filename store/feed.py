"""What a football feed must be able to say, whoever sells it.

Source: docs/operations.md, "The feed".
"""

from collections.abc import Sequence
from typing import Protocol

from ..domain.match import MatchSnapshot
from .outage import FeedUnavailable


class RateLimited(FeedUnavailable):
    """The plan's calls are used up for *resets_in_s* more seconds of the feed's time."""

    def __init__(self, resets_in_s: int) -> None:
        super().__init__(f"rate limit reached, resets in {resets_in_s} s")
        self.resets_in_s = resets_in_s


class Pages(Protocol):
    """What a listing found, read a page at a time: each page is one call to the feed."""

    @property
    def more(self) -> bool:
        """Whether there are pages left to read."""
        ...

    def read(self) -> tuple[MatchSnapshot, ...]:
        """The next page, each match in it once; after `FeedUnavailable` the same one again."""
        ...


class FeedProvider(Protocol):
    """A source of matches. Every call raises `FeedUnavailable` where it has no good answer.

    A match that the feed does not mention, or not in a form to be trusted, is
    missing from the answer.
    """

    def list_fixtures(self, start_ms: int, end_ms: int) -> Pages:
        """Matches that kick off on the days from *start_ms* to *end_ms*; no cards, no clock.

        Asks for nothing yet: each page is one call, made when it is read.
        """
        ...

    def inplay(self) -> tuple[MatchSnapshot, ...]:
        """All matches being played."""
        ...

    def fixtures(self, ids: Sequence[int]) -> tuple[MatchSnapshot, ...]:
        """The matches *ids*, played or not."""
        ...

    def status(self) -> dict[str, int]:
        """What the last answer said about the feed itself: calls left, fixtures not understood."""
        ...
