"""Loading files in the openfootball format: what is played, and what is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from touchline.matchserver.matches import IncidentKind, Match, SeasonError, results
from touchline.matchserver.openfootball import load_openfootball

from tests.matchserver.season_files import FILES, SMALL_CUP, scores_in


def matches_of(tmp_path: Path, *matches: dict[str, Any]) -> Path:
    path = tmp_path / "cup.json"
    path.write_text(json.dumps({"name": "Cup", "matches": matches}), encoding="utf-8")
    return path


def a_match(**changes: Any) -> dict[str, Any]:
    usual = {
        "round": "1",
        "date": "2024-03-30",
        "time": "15:00",
        "team1": "Moor",
        "team2": "Fen",
        "score": {"ft": [2, 1]},
    }
    return {**usual, **changes}


def between(home: str, away: str) -> Match:
    season = load_openfootball(SMALL_CUP)
    return next(m for m in season.matches if (m.home.name, m.away.name) == (home, away))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_match_ends_with_the_score_of_its_file(path):
    season = load_openfootball(path)

    on = {m.id: datetime.fromtimestamp(m.kickoff_ms / 1000, UTC).date() for m in season.matches}
    played = {
        (str(on[r.match_id]), r.home, r.away): (r.score, r.penalties) for r in results(season)
    }
    assert played == scores_in(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_loads_to_the_same_millisecond_every_time(path):
    assert load_openfootball(path).digest == load_openfootball(path).digest


def test_a_listed_goal_falls_in_its_minute():
    match = between("Älvsjö FC", "Vale")

    spot = next(goal for goal in match.incidents if goal.player == "C. Spot")
    second_half = match.periods[1]
    elapsed_min = (spot.at_ms - second_half.start_ms) // 60_000
    assert (spot.kind, spot.minute, spot.extra_minute) == (IncidentKind.PENALTY, 90, 7)
    assert elapsed_min == 45 + 7 - 1
    assert spot.at_ms < second_half.end_ms


def test_an_own_goal_counts_for_the_list_it_is_in():
    own = next(goal for goal in between("Älvsjö FC", "Vale").incidents if goal.player == "B. Own")

    assert (own.kind, own.side) == (IncidentKind.OWN_GOAL, "home")


def test_unlisted_goals_fall_in_the_halves_the_score_tells():
    match = between("Harbour", "Quay")

    early = [i.side for i in match.incidents if i.at_ms < match.periods[0].end_ms]
    assert sorted(early) == ["home", "home"]
    assert len(match.incidents) == 7


def test_a_minute_may_be_a_text_with_its_stoppage():
    match = between("North", "South")

    assert [(g.minute, g.extra_minute) for g in match.incidents] == [(9, None), (90, 4)]


def test_a_listed_minute_wins_over_a_half_time_score_it_contradicts():
    match = between("Moor", "Fen")

    final = load_openfootball(SMALL_CUP).matches[-1]
    assert match.round == "Round 1"
    assert [(i.player, i.side) for i in final.incidents] == [
        ("J. Against", "away"),
        ("J. Half-time", "away"),
        ("I. One", "home"),
    ]


def test_a_shoot_out_may_follow_the_ninety_minutes_at_once():
    match = between("Quay", "Fen")

    assert [period.kind.name for period in match.periods] == [
        "FIRST_HALF",
        "SECOND_HALF",
        "SHOOT_OUT",
    ]


@pytest.mark.parametrize(
    ("time", "utc"),
    [
        ("19:00", "19:00"),
        ("13:00 UTC-6", "19:00"),
        ("13:00 UTC+5:30", "07:30"),
        ("9:05 UTC+0", "09:05"),
        (None, "15:00"),
    ],
)
def test_a_kick_off_is_utc_unless_it_says_otherwise(tmp_path, time, utc):
    season = load_openfootball(matches_of(tmp_path, a_match(time=time)))

    kickoff = datetime.fromtimestamp(season.matches[0].kickoff_ms / 1000, UTC)
    assert f"{kickoff:%Y-%m-%d %H:%M}" == f"2024-03-30 {utc}"


def test_a_match_and_a_club_keep_their_numbers_when_the_file_grows(tmp_path):
    before = load_openfootball(matches_of(tmp_path, a_match())).matches[0]
    grown = matches_of(
        tmp_path, a_match(team1="New", date="2024-03-29"), a_match(score={"ft": [3, 3]})
    )

    after = load_openfootball(grown).matches[1]

    assert (after.id, after.home.id, after.away.id) == (before.id, before.home.id, before.away.id)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"score": {}}, "matches[0].score"),
        ({"score": {"ft": [2]}}, "matches[0].score.ft"),
        ({"score": {"ft": [2, -1]}}, "matches[0].score.ft"),
        ({"score": {"ft": [2, 1.5]}}, "matches[0].score.ft"),
        ({"score": {"ft": ["2", 1]}}, "matches[0].score.ft"),
        ({"score": {"ft": [2, 1], "ht": [0, 2]}}, "matches[0].score.ft"),
        ({"score": {"ft": [2, 2], "et": [1, 3]}}, "matches[0].score.et"),
        ({"score": {"ft": [2, 2], "p": [3, 3]}}, "matches[0].score.p"),
        ({"date": "30.3.2024"}, "matches[0].date"),
        ({"time": "25:00"}, "matches[0].time"),
        ({"time": "3pm"}, "matches[0].time"),
        ({"time": "15:00 UTC+99"}, "matches[0].time"),
        ({"team2": "Moor"}, "matches[0].team2"),
        ({"team1": ""}, "matches[0].team1"),
        ({"team1": None}, "matches[0].team1"),
        ({"goals1": [{"minute": 0}]}, "matches[0].goals1[0].minute"),
        ({"goals1": [{"minute": 3}, {"minute": "half"}]}, "matches[0].goals1[1].minute"),
        ({"goals2": [{"name": "A"}]}, "matches[0].goals2[0]"),
        ({"goals2": [{"minute": "9" * 5000}]}, "matches[0].goals2[0].minute"),
    ],
)
def test_a_match_that_cannot_be_played_is_refused_with_its_field(tmp_path, changes, named):
    path = matches_of(tmp_path, a_match(**changes))

    with pytest.raises(SeasonError) as refused:
        load_openfootball(path)

    assert str(path) in str(refused.value)
    assert named in str(refused.value)


def test_a_match_without_a_score_is_refused_with_its_field(tmp_path):
    unplayed = a_match()
    del unplayed["score"]

    with pytest.raises(SeasonError, match=r"`score`.*matches\[0\]"):
        load_openfootball(matches_of(tmp_path, unplayed))


def test_the_same_match_twice_is_refused(tmp_path):
    path = matches_of(tmp_path, a_match(), a_match(score={"ft": [0, 0]}))

    with pytest.raises(SeasonError, match=r"matches\[1\].*matches\[0\]"):
        load_openfootball(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"name": "Cup", "matches": []}', b"\xff\xfe"]
)
def test_a_file_that_is_no_season_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)

    with pytest.raises(SeasonError, match=r"broken\.json"):
        load_openfootball(path)


def test_a_missing_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(SeasonError, match=r"nowhere\.json: No such file"):
        load_openfootball(tmp_path / "nowhere.json")
