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


def test_a_clock_runs_where_the_feed_tells_its_minutes_and_says_that_it_ticks():
    periods = [
        [],
        [{"sort_order": 1, "ticking": True, "minutes": None}],
        [{"sort_order": 1, "ticking": False, "minutes": 45}],
        [{"sort_order": 1, "ticking": True, "minutes": 0}],
    ]

    found = [read(a_fixture(periods=each)).ticking for each in periods]

    assert found == [False, False, False, True]


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


@pytest.mark.parametrize("state", ["SUSPENDED", "AU", "AWARDED", "WO", "ROOF_CLOSED"])
def test_what_halts_a_match_needs_no_score(state):
    match = read(a_fixture(state={"developer_name": state}, scores=[]))

    assert (match.state, match.scored) == (state, False)


def test_events_are_kept_by_their_numbers_and_those_nobody_knows_are_not():
    events = [
        event(16, AWAY, id=9, minute=45, extra_minute=2, player_name=" Ok\u0000afor\n"),
        event(14, HOME, id=7, minute=3, player_name=None, rescinded=True),
        event(14, 12345, id=8, player_name=""),
        event(77, HOME, id=6),
        event(14, HOME),
    ]

    found = read(a_fixture(events=events)).events

    assert [(e.id, e.type.value, e.team, e.minute, e.extra_minute) for e in found] == [
        (7, "GOAL", HOME, 3, None),
        (8, "GOAL", None, None, None),
        (9, "PENALTY", AWAY, 45, 2),
    ]
    assert [(e.player, e.rescinded) for e in found] == [
        (None, True),
        (None, False),
        ("Okafor", False),
    ]
