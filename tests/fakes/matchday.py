"""The scheduler on a real Redis and Postgres, with a feed and a clock that the test moves."""

from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.actors.feeds.pace import Pace
from touchline.actors.feeds.sportmonks_scheduler import SportmonksScheduler
from touchline.actors.meters import FeedMeter
from touchline.store.corrections import Corrections
from touchline.store.fixture_acts import FixtureActs
from touchline.store.fixture_news import FixtureNews
from touchline.store.fixtures import Fixtures
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.matches import Matches
from touchline.store.scripts import Scripts

from tests.fakes.clock import FakeClock
from tests.fakes.matches import HOUR_MS, KICKOFF_MS, FakeFeed, a_match

BASE_PX = 1_000_000
AMPLE_PLAN = 1_000_000  #: calls an hour: more than anybody here asks for
WON_PX, LOST_PX = 1_025_800, 974_200  # balanced clubs, home win: 258 bps
KICKOFF = a_match("INPLAY_1ST_HALF")
LEADING = a_match("INPLAY_1ST_HALF", 1, 0, minute=30)
WON = a_match("FT", 1, 0, minute=94)


class Exchange:
    """A scheduler, what it stands on, and a match between Arsenal and Everton to follow."""

    def __init__(self, redis, pg):
        self.clock = FakeClock(KICKOFF_MS - HOUR_MS)
        self.redis, self.pg = redis, pg
        self.keys = Keys()
        self.hot = Hot(redis, self.keys)
        self.feed = FakeFeed(a_match("NS"))
        self.fixtures = Fixtures(pg)
        self.meter = FeedMeter()
        self.scheduler = self.another()

    def another(self, owner="one", matches=None):
        """Another scheduler, as after a crash (the same owner) or in another replica."""
        matches = matches or Matches(self.pg)
        acts = FixtureActs(self.pg, self.redis, self.keys, self.hot)
        return SportmonksScheduler(
            self.feed,
            matches,
            Corrections(self.pg, self.hot, matches, acts, owner),
            FixtureNews(self.redis, self.keys, self.pg),
            self.hot,
            Scripts(self.redis, self.keys),
            Lease(
                self.redis,
                self.keys.lease("scheduler"),
                monotonic=self.clock.monotonic,
                owner=owner,
            ),
            self.clock.calendar,
            Pace.at(1, AMPLE_PLAN),
            self.meter,
        )

    def start(self):
        self.scheduler.started()
        self.poll()
        self.clock.advance(3600)  # to the kick-off
        return self

    def poll(self, *shown, after_s=2.0):
        """The feed shows *shown*, and *after_s* seconds later the scheduler polls."""
        self.feed.show(*shown)
        self.clock.advance(after_s)
        self.scheduler.receive(LeaseDue())
        self.scheduler.receive(PollDue())

    @property
    def arsenal(self):
        return self.hot.instrument(2)

    @property
    def everton(self):
        return self.hot.instrument(1)
