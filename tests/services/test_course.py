"""What counts as the right end of a season."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from touchline.domain.fixtures import Club, Fixture
from touchline.domain.halts import Phase
from touchline.matchserver.matches import Season, results
from touchline.matchserver.season import generate_season
from touchline.services.course import as_played, over, weeks_of
from touchline.store.draws import Status
from touchline.store.weeks import OpenedWeek

SEASON = generate_season(3, clubs=4)


def settled(season: Season) -> list[Fixture]:
    return [
        Fixture(
            id=each.match_id,
            league=None,
            round_id=None,
            kickoff_ms=0,
            state="FT",
            phase=Phase.FINISHED,
            minute=90,
            home=Club(each.home, None, None),
            away=Club(each.away, None, None),
            score=each.score,
            penalties=each.penalties,
            settled_ms=1,
        )
        for each in results(season)
    ]


def test_a_season_is_as_it_was_played_when_every_match_has_its_score() -> None:
    assert as_played(SEASON, settled(SEASON))


def test_a_wrong_score_and_a_missing_match_are_not_as_played() -> None:
    first, *others = settled(SEASON)
    home, away = first.score

    assert not as_played(SEASON, others)
    assert not as_played(SEASON, [replace(first, score=(home + 1, away)), *others])


def test_a_season_is_over_when_each_of_its_weeks_is_drawn_and_announced() -> None:
    weeks = weeks_of(SEASON)
    drawn = [OpenedWeek(week.name, True, False, 1, 1, Status.ANNOUNCED, 1) for week in weeks]

    assert over(weeks, [*drawn, replace(drawn[-1], week="2027-W01", draw=None)])
    assert not over(weeks, drawn[:-1])  # one was never opened
    assert not over(weeks, [*drawn[1:], replace(drawn[0], draw=Status.CREDITED)])


def test_the_weeks_of_a_season_follow_each_other_from_its_first_match_to_its_last() -> None:
    weeks = weeks_of(SEASON)

    assert [week.name for week in weeks] == [f"2026-W{number}" for number in range(31, 37)]
    assert all(one.ends_ms == two.starts_ms for one, two in pairwise(weeks))
