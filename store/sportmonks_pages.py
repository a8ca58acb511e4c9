"""A listing from Sportmonks: spans of days, each of one or more pages.

Source: docs/operations.md, "The feed".
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from ..domain.match import MatchSnapshot
from .outage import FeedUnavailable

RANGE_DAYS = 100  #: the longest span the feed lists at once
PAGES_MAX = 400  #: 20,000 rows, the feed's own limit

ReadPage = Callable[[str, str, int], tuple[tuple[MatchSnapshot, ...], bool]]


class SpanPages:
    """The pages of the UTC days of *start_ms* to *end_ms*.

    *read_page* gets first day, last day and page number, and returns the matches and whether
    the span has more pages.
    """

    def __init__(self, read_page: ReadPage, start_ms: int, end_ms: int) -> None:
        self._read_page = read_page
        self._spans = list(_spans(start_ms, end_ms))
        self._page = 1

    @property
    def more(self) -> bool:
        """Whether there are pages left to read."""
        return bool(self._spans)

    def read(self) -> tuple[MatchSnapshot, ...]:
        """The next page by one call, each match in it once.

        Raises:
            FeedUnavailable: no good answer; the next call asks for the same page.
        """
        if self._page > PAGES_MAX:
            raise FeedUnavailable(f"more than {PAGES_MAX} pages of fixtures")
        matches, more = self._read_page(*self._spans[0], self._page)
        if more:
            self._page += 1
        else:
            self._spans.pop(0)
            self._page = 1
        return tuple({match.fixture: match for match in matches}.values())


def _spans(start_ms: int, end_ms: int) -> Iterator[tuple[str, str]]:
    """The days from *start_ms* to *end_ms* in pieces that one listing may cover."""
    day = datetime.fromtimestamp(start_ms // 1000, UTC).date()
    end = datetime.fromtimestamp(end_ms // 1000, UTC).date()
    while day <= end:
        last = min(end, day + timedelta(days=RANGE_DAYS - 1))
        yield day.isoformat(), last.isoformat()
        day = last + timedelta(days=1)
