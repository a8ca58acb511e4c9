"""Generated seasons: a proper league, and the same one for the same seed."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from touchline.matchserver.matches import GOALS, IncidentKind, SeasonError, results
from touchline.matchserver.season import generate_season

SEASON = generate_season(7)


def kickoff(match):
    return datetime.fromtimestamp(match.kickoff_ms / 1000, UTC)


def test_a_seed_plays_the_same_season_to_the_millisecond_on_any_machine():
    assert SEASON.digest == "cbf98adc485db88bae4ff121133d906ff98bf7c4a8487064621bb9abe892c19f"


def test_another_seed_plays_another_season():
    assert len({generate_season(seed, clubs=4).digest for seed in range(20)}) == 20


@pytest.mark.parametrize("clubs", [2, 4, 20, 24])
def test_each_pair_meets_once_on_either_ground(clubs):
    season = generate_season(3, clubs=clubs)

    pairs = {(match.home.id, match.away.id) for match in season.matches}
    assert len(season.matches) == len(pairs) == clubs * (clubs - 1)
    assert len({match.id for match in season.matches}) == len(season.matches)


def test_a_round_is_one_week_in_which_every_club_plays_once():
    for number in range(1, 39):
        played = [match for match in SEASON.matches if match.round == f"Round {number}"]

        assert len({club.id for match in played for club in (match.home, match.away)}) == 20
        assert len({kickoff(match).isocalendar()[:2] for match in played}) == 1


def test_the_first_kick_off_is_a_saturday_in_august_2026():
    first = kickoff(SEASON.matches[0])

    assert (first.year, first.month, first.strftime("%A")) == (2026, 8, "Saturday")


def test_everything_that_can_happen_happens_in_a_season():
    kinds = {incident.kind for match in SEASON.matches for incident in match.incidents}
    reversals = {
        incident.kind in GOALS
        for match in SEASON.matches
        for incident in match.incidents
        if incident.reversed_ms is not None
    }

    assert kinds == set(IncidentKind)
    assert reversals == {True, False}


def test_scores_look_like_football():
    scores = [result.score for result in results(SEASON)]
    outcomes = Counter((home > away) - (home < away) for home, away in scores)

    assert 2.2 < sum(home + away for home, away in scores) / len(scores) < 3.2
    assert outcomes[1] > outcomes[-1] > outcomes[0] > 50


def test_an_incident_lies_within_its_period_and_is_reversed_before_its_whistle():
    for match in SEASON.matches:
        for incident in match.incidents:
            period = next(p for p in match.periods if p.start_ms <= incident.at_ms < p.end_ms)

            assert incident.reversed_ms is None or incident.reversed_ms < period.end_ms
            assert (incident.extra_minute is None) == (
                incident.at_ms - period.start_ms < 45 * 60_000
            )


@pytest.mark.parametrize("clubs", [0, 1, 3, 26, -2])
def test_a_league_of_a_wrong_size_is_refused(clubs):
    with pytest.raises(SeasonError, match="clubs"):
        generate_season(1, clubs=clubs)
