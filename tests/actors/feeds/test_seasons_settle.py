"""Whole seasons from a real match server to Postgres: every match settles to its score, once."""

import random
from pathlib import Path

import pytest
from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.actors.feeds.pace import Pace
from touchline.actors.feeds.sportmonks_scheduler import SportmonksScheduler
from touchline.domain.halts import OPEN
from touchline.matchserver.clock import WarpClock, windows_of
from touchline.matchserver.faults import FaultPlan, RequestFault
from touchline.matchserver.matches import results
from touchline.matchserver.openfootball import load_openfootball
from touchline.matchserver.season import generate_season
from touchline.matchserver.server import MatchServer
from touchline.store.fixture_news import FixtureNews
from touchline.store.fixtures import Fixtures
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.matches import Matches
from touchline.store.scripts import Scripts
from touchline.store.sportmonks import Sportmonks

from tests.fakes.clock import FakeClock

WORLD_CUP = Path(__file__).parents[4] / "shared" / "data" / "worldcup-2022.json"
BASE_PX = 1_000_000


class Stadium:
    """A match server for *season* and a scheduler that follows it; the test moves the calendar."""

    def __init__(self, redis, pg, season, speed):
        self.season = season
        # Speed 0: the calendar moves by the test's steps only. The windows are those of *speed*.
        self.calendar = WarpClock(windows_of(season, speed), 0, FakeClock().monotonic)
        self.server = MatchServer(season, self.calendar)
        self.server.start()
        self.pace = Pace.at(speed)
        self.step_ms = round(self.pace.poll_s * 1000 * speed)
        self.pg, self.redis, self.keys = pg, redis, Keys()
        self.hot = Hot(redis, self.keys)
        self.fixtures = Fixtures(pg)
        self.restart()

    def restart(self):
        """A new incarnation of the scheduler, as after a crash."""
        clock = FakeClock()
        self.scheduler = SportmonksScheduler(
            Sportmonks(self.server.base_url, "token"),
            Matches(self.pg),
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

    def play(self, steps=lambda: 1.0):
        """Poll until everything is settled."""
        for polls in range(20_000):
            self.poll(steps())
            if polls % 10 == 0 and self.fixtures.progress().finished:
                return
        raise AssertionError(f"not finished: {self.fixtures.progress()}")

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


@pytest.fixture
def stadium(redis, pg):
    running = []

    def build(season, speed):
        running.append(Stadium(redis, pg, season, speed))
        return running[-1]

    yield build
    for one in running:
        one.server.stop()


@pytest.mark.parametrize(("speed", "clubs"), [(1_000, 2), (20_000, 6)])
def test_a_season_settles_exactly_at_any_speed(stadium, speed, clubs):
    league = stadium(generate_season(7, clubs=clubs), speed)

    league.play()

    assert league.settled() == league.expected()
    assert set(league.prices().values()) != {BASE_PX}  # prices have moved for good


def test_final_prices_do_not_depend_on_how_often_one_looked(redis, pg, stadium):
    league = stadium(generate_season(11, clubs=4), 8_000)
    league.play()
    assert league.settled() == league.expected()
    often = league.prices()
    redis.flushdb()
    with pg.transaction() as cursor:
        cursor.execute(
            "DELETE FROM match_scores; DELETE FROM fixtures; DELETE FROM instruments;"
            " UPDATE teams SET rating = 1500"
        )

    rare = stadium(generate_season(11, clubs=4), 20_000)
    rare.play()

    assert rare.prices() == often


@pytest.mark.parametrize("seed", range(3))
def test_a_season_settles_exactly_through_faults_stalls_and_crashes(stadium, seed):
    dice = random.Random(seed)
    league = stadium(generate_season(seed, clubs=4), 10_000)
    kinds = ["status", "truncate", "garbage", "mistype", "empty", "freeze"]

    def steps():
        if dice.random() < 0.2:
            fault = RequestFault(kind=dice.choice(kinds), times=dice.randint(1, 3))
            league.server.follow(FaultPlan(requests=(fault,)))
        if dice.random() < 0.03:
            league.restart()
        return dice.choice([0.05, 0.3, 1.0, 1.0, 1.0, 4.0, 30.0])

    league.play(steps)

    assert league.settled() == league.expected()
    assert league.prices()


@pytest.mark.skipif(not WORLD_CUP.exists(), reason="the file is not there")
def test_the_world_cup_of_2022_settles_to_its_64_results(stadium):
    cup = stadium(load_openfootball(WORLD_CUP), 20_000)

    cup.play()

    assert len(cup.settled()) == 64
    assert cup.settled() == cup.expected()
    argentina = next(r for r in cup.fixtures.results() if r.penalties and r.score == (3, 3))
    assert argentina.penalties == (4, 2)
