"""Whole seasons from a real match server to Postgres: every match settles to its score, once."""

import random
from itertools import cycle
from pathlib import Path

import pytest
from touchline.matchserver.faults import FaultPlan, RequestFault
from touchline.matchserver.lies import FalseScore
from touchline.matchserver.mischief import random_plan
from touchline.matchserver.openfootball import load_openfootball
from touchline.matchserver.season import generate_season

from tests.fakes.stadium import Stadium

WORLD_CUP = Path(__file__).parents[4] / "shared" / "data" / "worldcup-2022.json"
BASE_PX = 1_000_000
HOUR_MS = 3_600_000


@pytest.fixture
def stadium(redis, pg):
    running = []

    def build(season, speed, *plan):
        running.append(Stadium(redis, pg, season, speed, *plan))
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


def begin_anew(redis, pg):
    redis.flushdb()
    with pg.transaction() as cursor:
        cursor.execute(
            "DELETE FROM fixture_corrections; DELETE FROM match_scores; DELETE FROM fixtures;"
            " DELETE FROM instruments; UPDATE teams SET rating = 1500"
        )


def test_final_prices_do_not_depend_on_how_often_one_looked(redis, pg, stadium):
    league = stadium(generate_season(11, clubs=4), 8_000)
    league.play()
    assert league.settled() == league.expected()
    often = league.prices()
    begin_anew(redis, pg)

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


@pytest.mark.parametrize("seed", range(3))
def test_a_season_that_is_lied_about_all_along_settles_exactly(stadium, seed):
    dice, season = random.Random(seed), generate_season(seed, clubs=4)
    league = stadium(season, 100, random_plan(season, seed))

    league.play(lambda: dice.choice([1, 5, 50, 200]))
    league.linger(hours=3)  # of the last matches the feed may have said other results until now

    assert league.settled() == league.expected()
    assert league.prices()


@pytest.mark.parametrize("speed", [1_000, 5_000])
def test_a_season_all_of_whose_results_are_put_right_an_hour_later(redis, pg, stadium, speed):
    season = generate_season(11, clubs=4)
    lies = [
        FalseScore(match.id, match.final_whistle_ms, match.final_whistle_ms + HOUR_MS, side)
        for match, side in zip(season.matches, cycle(["home", "away", "away"]))
    ]
    league = stadium(season, speed, FaultPlan(lies=tuple(lies)))
    league.play()
    wrong = league.settled()
    league.linger(hours=2)
    assert wrong != league.expected() == league.settled()
    put_right = league.prices()
    begin_anew(redis, pg)

    honest = stadium(season, 8_000)
    honest.play()

    assert honest.prices() == put_right


@pytest.mark.skipif(not WORLD_CUP.exists(), reason="the file is not there")
def test_the_world_cup_of_2022_settles_to_its_64_results(stadium):
    cup = stadium(load_openfootball(WORLD_CUP), 20_000)

    cup.play()

    assert len(cup.settled()) == 64
    assert cup.settled() == cup.expected()
    argentina = next(r for r in cup.fixtures.results() if r.penalties and r.score == (3, 3))
    assert argentina.penalties == (4, 2)
