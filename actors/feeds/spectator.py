"""Follows a feed without a market: asks for what the scheduler would ask for, and no more.

Source: docs/operations.md, "Recordings".
"""

from ...domain.ids import InstrumentIdx
from ...domain.match import MatchSnapshot
from ...domain.matchbook import MatchBook
from ...domain.review import settled_now
from ...domain.reviewbook import ReviewBook
from ...domain.tracking import Tracked
from ...store.feed import FeedProvider
from .budget import Budget
from .lister import Lister
from .lookout import Lookout
from .pace import Pace
from .reviewer import Reviewer


class Spectator:
    """Looks at *feed* and lists it at *pace*, within *budget*.

    Settled matches are asked for again, as the scheduler does.
    """

    def __init__(self, feed: FeedProvider, pace: Pace, budget: Budget) -> None:
        self._lookout = Lookout(feed, budget)
        self._lister = Lister(feed, pace.list_ms, budget)
        self._book = MatchBook()
        self._reviews = ReviewBook(pace.review_ms)
        self._reviewer = Reviewer(feed, self._reviews, budget)
        self._planned: dict[int, MatchSnapshot] = {}
        self._over: set[int] = set()

    @property
    def followed(self) -> int:
        """How many matches are known and not over."""
        return len(self._planned)

    def poll(self, now_ms: int) -> None:
        """One look at what is played, and one call for something else if there is nothing better.

        Source: the order is that of `SportmonksScheduler`.
        """
        look = self._lookout.look(self._book, now_ms)
        self._book.observe(look.matches, now_ms)
        self._book.lacked(look.lacking, now_ms)
        self._reviews.observe(look.matches, now_ms)
        for tracked in tuple(self._book.governing()):
            if tracked.ripe:
                self._book.settled(tracked, 0)
                self._reviews.add(settled_now(tracked, (now_ms, now_ms), now_ms))
                self._over.add(tracked.match.fixture)
                del self._planned[tracked.match.fixture]
        for settled in self._reviews.wrong(set()):
            self._reviews.put_right(settled.fixture, done=True)
        if not self._lookout.spares(now_ms):
            return
        if self._reviewer.due(now_ms):
            self._reviewer.ask(now_ms)
        elif self._lister.due(now_ms, self._book.in_window(now_ms)):
            self._take_in(self._lister.page(now_ms) or ())

    def _take_in(self, page: tuple[MatchSnapshot, ...]) -> None:
        self._planned |= {m.fixture: m for m in page if m.fixture not in self._over}
        matches = self._planned.values()
        teams = {team.id for match in matches for team in (match.home, match.away)}
        self._book.refresh(map(_tracked, matches), dict.fromkeys(teams, 0))


def _tracked(match: MatchSnapshot) -> Tracked:
    # Nothing is traded: a team stands for its instrument.
    home, away = InstrumentIdx(match.home.id), InstrumentIdx(match.away.id)
    return Tracked(match=match, home=home, away=away, weight_bps=0)
