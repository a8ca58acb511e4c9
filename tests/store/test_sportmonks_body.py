"""Reading the feed's fixture objects: what counts, and what is not to be trusted."""

import msgspec
import pytest
from touchline.domain.match import Score, Team
from touchline.store.sportmonks_body import match_of

from tests.fakes.sportmonks import AWAY, HOME, a_fixture, event, goals


def read(fixture):
    return match_of(msgspec.Raw(msgspec.json.encode(fixture)))


def test_a_match_in_play_is_read_whole():
    match = read(a_fixture())

    assert match is not None
    assert (match.fixture, match.league, match.league_name) == (19135001, 8, "Premier League")
    assert (match.state, match.minute, match.kickoff_ms) == ("INPLAY_2ND_HALF", 58, 1792850400_000)
    assert (match.home, match.away) == (Team(HOME, "Arsenal", "ARS"), Team(AWAY, "Everton", None))
    assert match.score == Score(home=1)


def test_the_score_counts_and_not_the_goals_among_the_events():
    cancelled = a_fixture(scores=goals("CURRENT", 0, 0), events=[event(14, HOME), event(14, HOME)])

    assert read(cancelled).score == Score()


def test_shoot_out_kicks_are_kept_apart_from_the_score():
    fixture = a_fixture(
        state={"developer_name": "FT_PEN"},
        scores=[*goals("CURRENT", 1, 1), *goals("PENALTY_SHOOTOUT", 4, 2)],
    )

    assert read(fixture).score == Score(1, 1, home_penalties=4, away_penalties=2)


def test_red_cards_count_until_they_are_rescinded():
    events = [event(20, AWAY), event(21, HOME), event(20, HOME, rescinded=True), event(19, HOME)]

    score = read(a_fixture(events=events)).score

    assert (score.home_reds, score.away_reds) == (1, 1)


@pytest.mark.parametrize(
    ("info", "pending"), [("Goal under review", True), ("Goal cancelled", False), (None, False)]
)
def test_a_goal_under_review_is_seen_until_it_is_decided(info, pending):
    assert read(a_fixture(events=[event(10, HOME, info=info)])).under_review is pending


def test_a_match_to_come_needs_neither_score_nor_clock():
    match = read(a_fixture(state={"developer_name": "NS"}, scores=[], periods=[], events=[]))

    assert (match.score, match.minute) == (Score(), 0)


def test_a_missing_state_is_an_unknown_one():
    fixture = a_fixture()
    del fixture["state"]

    assert read(fixture).state == "UNKNOWN"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scores": []},
        {"scores": goals("CURRENT", 1, 0)[:1]},
        {"scores": goals("CURRENT", "1", 0)},
        {"scores": goals("CURRENT", -1, 0)},
        {"scores": goals("CURRENT", 10**20, 0)},
        {"id": "19135001"},
        {"id": 2**53},
        {"participants": []},
        {"participants": a_fixture()["participants"][:1]},
        {"participants": a_fixture()["participants"][:1] * 2},
        {"participants": [*a_fixture()["participants"], *a_fixture()["participants"][:1]]},
        {"starting_at_timestamp": None},
        {"starting_at_timestamp": 10**15},
        {"events": {}},
        {"state": "FT"},
    ],
    ids=lambda fields: f"{next(iter(fields))}={str(next(iter(fields.values())))[:30]}",
)
def test_a_fixture_that_cannot_be_trusted_is_left_out(wrong):
    assert read(a_fixture(**wrong)) is None


def test_what_is_no_object_is_left_out():
    assert match_of(msgspec.Raw(b"[]")) is None
    assert match_of(msgspec.Raw(b"null")) is None
