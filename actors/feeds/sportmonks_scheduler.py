"""The scheduler: from looks at the football feed to prices, results and ratings.

A poll asks what can be seen, works out what every instrument should therefore
be (`domain/matchbook.py`) and makes it so. Nothing depends on having seen what
happened in between, and every step may be repeated, so a crash anywhere is
repaired by the next poll.

The order within a poll: prices before rows, so that Postgres away stops no
price; a result in Redis (once, by its guard), then in Postgres (once, by
`settled_at`), with the new base prices, so that Redis may lose them at once.
Between the two the guard keeps the match from moving the new base price; the
next incarnation finds it settled there and only writes the row. Looks before
listings, of which a poll reads one page at most: no match waits for a season.
Clients are told of a fixture after its row, so that nobody who is told of it reads an older one.
"""

from collections.abc import Callable, Mapping
from typing import assert_never

import structlog

from ...domain.clock import Calendar
from ...domain.halts import Halt
from ...domain.ids import InstrumentIdx
from ...domain.index import kickoff_bps, rating_gain
from ...domain.instrument import Instrument
from ...domain.match import known
from ...domain.matchbook import MatchBook
from ...domain.reviewbook import ReviewBook, found_halted
from ...domain.standing import Standing
from ...domain.tracking import Tracked, reckoned
from ...store.corrections import Corrections
from ...store.feed import FeedProvider
from ...store.fence import Fenced
from ...store.fixture_news import FixtureNews
from ...store.hot import Hot
from ...store.lease import Lease
from ...store.matches import Matches, Opening
from ...store.scripts import Scripts
from ..actor import Actor
from ..meters import FeedMeter
from .budget import Budget
from .corrector import Corrector
from .doubts import Doubt, Doubts
from .index_writer import IndexWriter
from .lister import Lister
from .lookout import Lookout
from .messages import LeaseDue, PollDue
from .pace import Pace
from .reviewer import Reviewer
from .settler import Settler

RENEW_S = 2.0  #: real seconds between renewals; the lease lives for three of them

SchedulerMessage = PollDue | LeaseDue
log = structlog.get_logger(__name__)


class SportmonksScheduler(Actor[SchedulerMessage]):
    """Follow the matches and move the index.

    Duty: poll the feed; set index, phase and the feed's halts of every instrument; settle results.
    Reads: the feed; open fixtures and ratings in Postgres; instruments in Redis.
    Writes: instruments, ticks, `fixtures` and `feed:health` in Redis, through fenced scripts, and
    publishes `price:{idx}` and `fixture:{id}`; leagues, teams,
    instruments (once), fixtures, match_scores and ratings in Postgres.
    Lease: `lease:scheduler`, asked for by the scripts themselves and fenced in Postgres; without
    it nothing is asked and nothing written.
    While it is down: prices stand still; a restart halts what is in play until it can see again.
    """

    def __init__(
        self,
        feed: FeedProvider,
        matches: Matches,
        corrections: Corrections,
        news: FixtureNews,
        hot: Hot,
        scripts: Scripts,
        lease: Lease,
        calendar: Calendar,
        pace: Pace,
        meter: FeedMeter | None = None,
    ) -> None:
        super().__init__()
        self._meter = meter or FeedMeter()
        self._matches = matches
        self._news = news
        self._hot = hot
        self._lease = lease
        self._calendar = calendar
        self._pace = pace
        self._writer = IndexWriter(scripts, lease, self._meter)
        self._budget = Budget(feed, hot, pace.hourly)
        self._lookout = Lookout(feed, self._budget, self._meter.calls)
        self._lister = Lister(feed, pace.list_ms, self._budget, self._meter.calls)
        self._doubts = Doubts(self._meter.doubts)
        self._book = MatchBook()
        self._reviews = ReviewBook(pace.review_ms)
        self._reviewer = Reviewer(feed, self._reviews, self._budget, self._meter.calls)
        self._settler = Settler(self._writer, matches, hot, self._meter)
        self._corrector = Corrector(corrections, self._reviews, self._meter)
        self._leading = False
        #: Token of the lease and life of Redis that we lead by, and what operators had changed.
        self._reign = (0, 0, 0)

    def started(self) -> None:
        if self._lease.renew():
            self._unless_fenced(self._take_over)
        self.every(RENEW_S, LeaseDue())
        self.every(self._pace.poll_s, PollDue())
        self.me.tell(PollDue())  # the first look need not wait for the timer

    def receive(self, message: SchedulerMessage) -> None:
        match message:
            case PollDue():
                self._unless_fenced(self._poll)
            case LeaseDue():
                self._lease.renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        self._lease.release()  # another replica need not wait for it to expire

    def detail(self) -> Mapping[str, object]:
        health = self._lookout.health | self._lister.health
        return {
            "lease": self._lease.held(),
            "open": len(self._book),
            "ailing": self._ailing(),
            **health,
        }

    def _ailing(self) -> str:
        # What another replica has found since we led is its to tell.
        doubted = self._doubts.ailing if self._leading else ""
        return "; ".join(filter(None, (self._lookout.ailing(self._calendar()), doubted)))

    def _unless_fenced(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Fenced as fenced:
            log.warning("scheduler_fenced", why=str(fenced))
            self._leading = False

    def _poll(self) -> None:
        if not self._lease.held():
            self._leading = False
            return
        # Another token: the lease was lost, and another may have led, between two polls. Another
        # life: what we have said may be lost, and no connection need have failed meanwhile. An
        # operator may have settled a match, or linked a team, that we know otherwise.
        reign = self._present()
        if not self._leading or reign != self._reign:
            self._take_over()
        self._look()
        self._ask_aside()

    def _take_over(self) -> None:
        """Rebuild everything from the stores; another replica may have led until now."""
        reign = self._present()
        # Before Postgres is asked: while it is away, what is in play must not trade on
        # prices that nobody updates, and every attempt to start comes through here.
        instruments = self._hot.instruments()
        self._halt_if_blind(instruments)
        self._matches.lead()
        if not self._lease.held():  # else we might have fenced out the one who holds it by now
            raise Fenced("the lease ran out before the fence was taken")
        self._budget.resume()
        self._book = MatchBook()
        self._news.resume()
        anew = reign[:2] != self._reign[:2]
        if anew:
            self._reviews.begin()
        self._reload()
        if anew:
            self._reviews.hold(found_halted(instruments))
        # Since when, only the one before us knew.
        resting = {instrument.idx for instrument in instruments if instrument.halt & Halt.EVENT}
        self._book.rest(resting, self._calendar())
        self._leading, self._reign = True, reign
        log.info("scheduler_leads", open=len(self._book))

    def _present(self) -> tuple[int, int, int]:
        return self._lease.token, self._hot.life(), self._hot.feed_begun_anew()

    def _halt_if_blind(self, instruments: tuple[Instrument, ...]) -> None:
        now_ms = self._calendar()
        last_ok_ms = int(self._hot.feed_health().get("last_ok", 0))
        self._meter.last_ok_ms = last_ok_ms or None  # by another replica, or an earlier run
        if now_ms - last_ok_ms >= self._pace.stale_ms:
            self._writer.blind(instruments, now_ms)

    def _reload(self) -> None:
        for instrument in self._matches.untraded():
            self._hot.create_instrument(instrument)
        self._writer.resume(self._hot.instruments())
        stored = self._matches.open()
        self._book.refresh(stored.tracked, stored.ratings)
        self._corrector.resume(self._calendar())
        self._news.tell_all(self._lease, self._calendar())

    def _look(self) -> None:
        # The look counts from before it was asked for: what it shows is at least as new.
        asked_ms = self._calendar()
        look = self._lookout.look(self._book, asked_ms)
        changed = self._book.observe(look.matches, asked_ms)
        changed += self._book.lacked(look.lacking, asked_ms)
        self._reviews.observe(look.matches, asked_ms)
        now_ms = self._calendar()
        standings = self._book.standings(now_ms, self._pace.stale_ms)
        self._writer.apply(self._reviews.standings() | standings, now_ms)
        self._doubts.note(Doubt.STILL, self._book.still(self._pace.stale_ms))
        self._doubts.note(Doubt.ENDLESS, self._book.endless(now_ms))
        self._doubts.note(Doubt.OTHERWISE, self._reviews.doubted())
        self._tell_health()
        self._record(changed, now_ms)
        for tracked in tuple(self._book.governing()):
            if tracked.ripe:
                self._settle(tracked, standings, now_ms)
        wrong = self._reviews.wrong(standings.keys())
        if [one for one in wrong if self._corrector.put_right(one, now_ms)]:
            self._reload()

    def _tell_health(self) -> None:
        health = self._lookout.health
        self._hot.set_feed_health(health)
        self._meter.last_ok_ms = int(health.get("last_ok", 0)) or self._meter.last_ok_ms
        left = health.get("remaining")
        self._meter.calls_left = None if left is None else int(left)

    def _ask_aside(self) -> None:
        """Ask for what is settled, or read a page of a listing, if nothing is better to do."""
        now_ms = self._calendar()
        # While the feed is silent, looks alone try it: they must not wait for another failure.
        if not self._lookout.spares(now_ms):
            return
        # The look may have used up our trust in the lease, and a page can take half of it.
        if self._reviewer.due(now_ms):
            if self._lease.renew():
                self._reviewer.ask(now_ms)
        elif self._lister.due(now_ms, self._book.in_window(now_ms)) and self._lease.renew():
            self._list(now_ms)

    def _list(self, now_ms: int) -> None:
        page = self._lister.page(now_ms)
        if page is not None:
            self._matches.plan([reckoned(match, now_ms) for match in page], now_ms)
            self._reload()
            log.info("fixtures_listed", listed=len(page), open=len(self._book))

    def _record(self, changed: tuple[Tracked, ...], now_ms: int) -> None:
        unopened = self._book.unopened()
        if unopened:
            base_px = {i.idx: i.base_px for i in self._hot.instruments()}
            openings = [self._opening(tracked, base_px) for tracked in unopened]
            self._matches.opened(openings)
            self._book.opened(opening.fixture for opening in openings)
        for tracked in changed:
            if not known(tracked.match.state):
                log.error(
                    "feed_state_unknown", fixture=tracked.match.fixture, state=tracked.match.state
                )
        if changed:
            self._matches.seen([tracked.match for tracked in changed], now_ms)
            self._news.tell(self._lease, [tracked.match.fixture for tracked in changed])

    def _opening(self, tracked: Tracked, base_px: Mapping[InstrumentIdx, int]) -> Opening:
        lead = self._book.rating_lead(tracked)
        home_px, away_px = base_px[tracked.home], base_px[tracked.away]
        return Opening(tracked.match.fixture, kickoff_bps(lead), lead, home_px, away_px)

    def _settle(
        self, tracked: Tracked, standings: Mapping[InstrumentIdx, Standing], now_ms: int
    ) -> None:
        gain = rating_gain(tracked.match, self._book.rating_lead(tracked))
        settled = self._settler.settle(tracked, gain, standings, now_ms)
        if settled is not None:
            self._book.settled(tracked, gain)
            self._reviews.add(settled)
            self._news.tell(self._lease, [settled.fixture])
