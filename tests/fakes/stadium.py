"""A scheduler that follows a real match server over HTTP, on a real Redis and Postgres."""

from __future__ import annotations

from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.actors.feeds.pace import Pace
from touchline.actors.feeds.sportmonks_scheduler import SportmonksScheduler
from touchline.domain.halts import OPEN
from touchline.matchserver.clock import WarpClock, windows_of
from touchline.matchserver.faults import FaultPlan
from touchline.matchserver.matches import results
from touchline.matchserver.server import MatchServer
from touchline.store.corrections import Corrections
from touchline.store.fixture_acts import FixtureActs
from touchline.store.fixture_news import FixtureNews
from touchline.store.fixtures import Fixtures
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.matches import Matches
from touchline.store.scripts import Scripts
from touchline.store.sportmonks import Sportmonks

from tests.fakes.clock import FakeClock

HONEST = FaultPlan()


class Stadium:
    """A match server for *season* and a scheduler that follows it; the test moves the calendar."""

    def __init__(self, redis, pg, season, speed, plan=HONEST):
        self.season = season
        # Speed 0: the calendar moves by the test's steps only. The windows are those of *speed*.
        self.calendar = WarpClock(windows_of(season, speed, plan.lies), 0, FakeClock().monotonic)
        self.server = MatchServer(season, self.calendar)
        self.server.follow(plan)
        self.server.start()
        self.pace = Pace.at(speed)
        self.step_ms = round(self.pace.poll_s * 1000 * speed)
        self.pg, self.redis, self.keys = pg, redis, Keys()
        self.hot = Hot(redis, self.keys)
        self.fixtures = Fixtures(pg)
        self.restart()

    def restart(self):
        """A new incarnation of the scheduler, as after a crash."""
        clock, matches = FakeClock(), Matches(self.pg)
        acts = FixtureActs(self.pg, self.redis, self.keys, self.hot)
        self.scheduler = SportmonksScheduler(
            Sportmonks(self.server.base_url, "token"),
            matches,
            Corrections(self.pg, self.hot, matches, acts, "one"),
            FixtureNews(self.redis, self.keys, self.pg),
            self.hot,
            Scripts(self.redis, self.keys),
            Lease(self.redis, self.keys.lease("scheduler"), monotonic=clock.monotonic, owner="one"),
            self.calendar,
            self.pace,
        )
        self.scheduler.started()

    def poll(self, steps=1.0):
        """One poll, and then the calendar moves on by so many polling intervals."""
        self.scheduler.receive(LeaseDue())
        self.scheduler.receive(PollDue())
        self.calendar.advance(round(self.step_ms * steps))

    def finished(self):
        """Whether every match that was listed has its result."""
        progress = self.fixtures.progress()
        return 0 < progress.fixtures == progress.settled

    def play(self, steps=lambda: 1.0):
        """Poll until everything is settled."""
        for polls in range(20_000):
            self.poll(steps())
            if polls % 10 == 0 and self.finished():
                return
        raise AssertionError(f"not finished: {self.fixtures.progress()}")

    def linger(self, hours):
        """Poll on for so many hours of the calendar, every five minutes."""
        for _ in range(12 * hours):
            self.poll(300_000 / self.step_ms)

    def settled(self):
        """Every result in Postgres, by fixture."""
        return {
            row.id: (row.home.name, row.away.name, row.score, row.penalties)
            for row in self.fixtures.results()
        }

    def expected(self):
        """Every result of the season, by fixture."""
        return {r.match_id: (r.home, r.away, r.score, r.penalties) for r in results(self.season)}

    def prices(self):
        """Base price by symbol, of markets that must all be open and at rest."""
        instruments = self.hot.instruments()
        assert all(i.index_px == i.base_px and i.halt == OPEN for i in instruments)
        return {i.symbol: i.base_px for i in instruments}
