"""What can be made to go wrong, and that the truth comes out all the same."""

import gevent
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from touchline.matchserver.clock import WarpClock, windows_of
from touchline.matchserver.faults import FaultPlan, RequestFault
from touchline.matchserver.lies import (
    FalseDate,
    FalseScore,
    FalseState,
    Gone,
    Phantom,
    Vanish,
    seen,
)
from touchline.matchserver.matches import Match, make_season, result
from touchline.matchserver.season import generate_season
from touchline.matchserver.server import MatchServer

from tests.matchserver.match_days import Client, current, long_final

FINAL = long_final()
SECOND = FINAL.periods[1]
INPLAY = "/livescores/inplay?include=scores;state;events"


@pytest.fixture
def day():
    """A server in the second half of a final: its clock, itself, a client."""
    season = make_season("Cup", [FINAL])
    clock = WarpClock(windows_of(season, 0), 0, lambda: 0.0, start_ms=SECOND.start_ms)
    server = MatchServer(season, clock, advance=clock.advance, token="secret")
    server.start()
    yield clock, server, Client(server.base_url)
    server.stop()


def failing(*faults):
    return FaultPlan(requests=faults)


def lying(*lies):
    return FaultPlan(lies=lies)


@pytest.mark.parametrize("status", [429, 500, 503, 599])
def test_a_status_is_answered_as_often_as_planned(day, status):
    _, server, client = day
    server.follow(failing(RequestFault("status", status=status, times=2)))

    assert [client.status(INPLAY) for _ in range(3)] == [status, status, 200]


def test_a_fault_keeps_to_its_path(day):
    _, server, client = day
    server.follow(failing(RequestFault("status", path="/livescores", times=None)))

    assert [client.status("/fixtures/77"), client.status(INPLAY)] == [200, 500]


def test_faults_come_in_the_order_of_the_plan(day):
    _, server, client = day
    server.follow(failing(RequestFault("status", status=502), RequestFault("status", status=503)))

    assert [client.status(INPLAY) for _ in range(3)] == [502, 503, 200]


def test_an_empty_plan_ends_all_faults(day):
    _, server, client = day
    server.follow(failing(RequestFault("status", times=None)))

    server.follow(FaultPlan())

    assert client.status(INPLAY) == 200


def test_a_body_may_be_cut_short(day):
    _, server, client = day
    whole = client.raw("/states").data
    server.follow(failing(RequestFault("truncate")))

    assert client.raw("/states").data == whole[: len(whole) // 2]


@pytest.mark.parametrize("kind", ["garbage", "truncate"])
def test_a_body_may_be_no_json(day, kind):
    _, server, client = day
    server.follow(failing(RequestFault(kind)))

    answer = client.raw(INPLAY)

    assert answer.status == 200
    with pytest.raises(ValueError, match=r"char|column"):
        answer.json()


def test_an_answer_may_be_empty_or_of_wrong_types_with_a_200(day):
    _, server, client = day
    server.follow(failing(RequestFault("empty"), RequestFault("mistype")))

    empty, mistyped = client.get(INPLAY), client.get(INPLAY)

    assert "data" not in empty
    assert mistyped["data"][0]["scores"] == 0


def test_a_frozen_body_stays_while_the_match_goes_on(day):
    clock, server, client = day
    server.follow(failing(RequestFault("freeze", path="/livescores", times=None)))
    first = client.raw(INPLAY).data

    clock.advance_to(SECOND.end_ms)

    assert client.raw(INPLAY).data == first
    assert client.data("/fixtures/77?include=state")["state"]["developer_name"] == "BREAK"


def test_a_fault_keeps_to_its_time(day):
    clock, server, client = day
    from_ms = SECOND.start_ms + 60_000
    server.follow(
        failing(RequestFault("status", times=None, from_ms=from_ms, to_ms=from_ms + 60_000))
    )

    statuses = []
    for _ in range(3):
        statuses.append(client.status(INPLAY))
        clock.advance(60_000)

    assert statuses == [200, 500, 200]


def test_a_new_plan_freezes_anew(day):
    clock, server, client = day
    frozen = failing(RequestFault("freeze", path="/livescores", times=None))
    server.follow(frozen)
    first = client.raw(INPLAY).data
    clock.advance_to(SECOND.end_ms)

    server.follow(frozen)

    assert client.raw(INPLAY).data != first


def test_a_held_back_answer_is_given_when_the_server_stops(day):
    _, server, client = day
    server.follow(failing(RequestFault("hang", path="/livescores", seconds=600)))
    other = Client(client.base_url)
    # Both connections stand, so the request held back is read before the other's answers are.
    assert [client.status("/states"), other.status("/states")] == [200, 200]
    held_back = gevent.spawn(client.status, INPLAY)
    assert [other.status("/states") for _ in range(3)] == [200, 200, 200]

    server.stop()

    assert held_back.get(timeout=5) == 200


def test_a_hung_request_does_not_hold_up_the_next(day):
    _, server, client = day
    server.follow(failing(RequestFault("hang", seconds=600)))

    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        client.raw(INPLAY, timeout_s=0.05)

    assert client.status(INPLAY) == 200


def test_a_slow_answer_is_the_true_one(day):
    _, server, client = day
    server.follow(failing(RequestFault("hang", seconds=0.01)))

    assert client.data(INPLAY)[0]["id"] == 77


def test_a_plan_can_be_given_as_json(day):
    _, _, client = day

    given_plan = client.control(
        "faults",
        {
            "requests": [{"kind": "status", "status": 502, "times": 1}],
            "lies": [
                {"kind": "vanish", "fixture": 77, "from_ms": 0, "to_ms": SECOND.end_ms},
                {"kind": "state", "fixture": 77, "from_ms": 0, "to_ms": 1, "state": "FT"},
                {
                    "kind": "phantom",
                    "fixture": 77,
                    "from_ms": 0,
                    "to_ms": 1,
                    "incident": "red",
                    "side": "home",
                },
            ],
        },
    )

    assert given_plan.status == 200
    assert client.status(INPLAY) == 502
    assert "data" not in client.get(INPLAY)


@pytest.mark.parametrize(
    "body",
    [
        {"requests": [{"kind": "sabotage"}]},
        {"requests": [{"kind": "status", "times": 0}]},
        {"requests": [{"kind": "status", "status": 200}]},
        {"lies": [{"kind": "vanish", "fixture": 77}]},
        {
            "lies": [
                {
                    "kind": "phantom",
                    "fixture": 77,
                    "from_ms": 0,
                    "to_ms": 1,
                    "incident": "hat",
                    "side": "home",
                }
            ]
        },
        {"surprises": []},
    ],
)
def test_a_plan_that_cannot_be_read_changes_nothing(day, body):
    _, server, client = day
    server.follow(failing(RequestFault("status", times=None)))

    assert client.control("faults", body).status == 400
    assert client.status(INPLAY) == 500


def test_a_fixture_that_is_gone_is_in_no_answer(day):
    calendar, server, client = day
    day_of = "2024-03-30"
    asks = [INPLAY, f"/fixtures/between/{day_of}/{day_of}", "/fixtures/multi/77"]
    server.follow(lying(Gone(77, SECOND.start_ms, SECOND.start_ms + 60_000)))

    calendar.advance_to(SECOND.start_ms)
    assert [client.get(ask).get("data") for ask in asks] == [None] * 3
    assert client.status("/fixtures/77") == 404
    calendar.advance(60_000)
    assert [client.data(ask)[0]["id"] for ask in asks] == [77] * 3
    assert client.status("/fixtures/77") == 200


def test_a_score_that_nobody_has_scored_is_told_until_it_is_put_right(day):
    calendar, server, client = day
    ask = "/fixtures/77?include=scores;events;state"
    true_ms = FINAL.final_whistle_ms + 3_600_000
    server.follow(lying(FalseScore(77, SECOND.start_ms, true_ms, "away")))

    found = []
    for at_ms in (SECOND.start_ms, true_ms - 1, true_ms):
        calendar.advance_to(at_ms)
        told = client.data(ask)
        found.append(current(told))

    assert found == [(1, 1), (2, 3), (2, 2)]
    assert told["state"]["developer_name"] == "FT_PEN"


def test_a_match_is_planned_for_a_day_then_postponed_and_then_for_another(day):
    calendar, server, client = day
    at_first_ms, known_ms = SECOND.start_ms + 600_000, SECOND.start_ms + 700_000
    server.follow(lying(FalseDate(77, 0, known_ms, at_first_ms)))

    found = []
    for at_ms in (at_first_ms - 1, at_first_ms, known_ms):
        calendar.advance_to(at_ms)
        told = client.data("/fixtures/77?include=state")
        found.append((told["state"]["developer_name"], told["starting_at_timestamp"] * 1000))

    assert found == [
        ("NS", at_first_ms),
        ("POSTPONED", at_first_ms),
        ("INPLAY_2ND_HALF", FINAL.kickoff_ms),
    ]


def test_a_listing_has_a_match_on_the_day_it_is_said_to_be(day):
    _, server, client = day
    server.follow(lying(FalseDate(77, 0, SECOND.end_ms, FINAL.kickoff_ms + 86_400_000)))

    found = [
        client.get(f"/fixtures/between/2024-03-{day}/2024-03-{day}").get("data") for day in (30, 31)
    ]

    assert [each and each[0]["id"] for each in found] == [None, 77]


def test_a_vanished_fixture_is_still_found_by_its_number(day):
    clock, server, client = day
    server.follow(lying(Vanish(77, SECOND.start_ms, SECOND.start_ms + 60_000)))

    assert "data" not in client.get(INPLAY)
    assert client.data("/fixtures/77?include=state")["state"]["developer_name"] == "INPLAY_2ND_HALF"
    clock.advance(60_000)
    assert client.data(INPLAY)[0]["id"] == 77


def test_full_time_may_flicker_before_extra_time(day):
    clock, server, client = day
    server.follow(lying(FalseState(77, SECOND.end_ms, SECOND.end_ms + 20_000, "FT")))
    states = []

    for at_ms in (SECOND.end_ms - 1, SECOND.end_ms, SECOND.end_ms + 20_000):
        clock.advance_to(at_ms)
        states.append(client.data("/fixtures/77?include=state")["state"]["developer_name"])

    assert states == ["INPLAY_2ND_HALF", "FT", "BREAK"]


def test_a_match_may_be_said_to_be_in_play_before_its_kick_off():
    season = generate_season(2, clubs=2)
    match = season.matches[0]
    server = MatchServer(season, lambda: match.kickoff_ms - 60_000)
    server.follow(lying(FalseState(match.id, 0, match.kickoff_ms, "INPLAY_1ST_HALF")))
    server.start()

    in_play = Client(server.base_url).data(INPLAY)
    server.stop()

    assert [fixture["id"] for fixture in in_play] == [match.id]


def test_a_state_the_table_lacks_can_be_told(day):
    _, server, client = day
    server.follow(lying(FalseState(77, 0, SECOND.end_ms, "ROOF_CLOSED")))

    state = client.data("/fixtures/77?include=state")["state"]

    assert (state["id"], state["developer_name"]) == (99, "ROOF_CLOSED")


def test_a_goal_may_be_annulled_after_review(day):
    clock, server, client = day
    from_ms = SECOND.start_ms + 60_000
    server.follow(lying(Phantom(77, from_ms, from_ms + 90_000, "goal", "away")))
    told = []

    for at_ms in (from_ms, from_ms + 30_000, from_ms + 90_000):
        clock.advance_to(at_ms)
        (match,) = client.data(INPLAY)
        told.append((current(match), [(e["type_id"], e["info"]) for e in match["events"][1:]]))

    assert told == [
        ((1, 1), [(14, None)]),
        ((1, 1), [(14, None), (10, "Goal under review")]),
        ((1, 0), [(10, "Goal cancelled")]),
    ]


def test_a_red_card_may_be_rescinded(day):
    clock, server, client = day
    from_ms = SECOND.start_ms + 60_000
    server.follow(lying(Phantom(77, from_ms, from_ms + 90_000, "red", "home")))
    told = []

    for at_ms in (from_ms, from_ms + 90_000):
        clock.advance_to(at_ms)
        card = client.data(INPLAY)[0]["events"][-1]
        told.append((card["type_id"], card["minute"], card["rescinded"]))

    assert told == [(20, 47, None), (20, 47, True)]


MATCHES = (FINAL, *generate_season(2, clubs=2).matches)


@st.composite
def lies_about(draw: st.DrawFn, match: Match):
    shape = draw(st.sampled_from(["vanish", "state", "goal", "red"]))
    length = match.final_whistle_ms - match.kickoff_ms
    from_ms = match.kickoff_ms + draw(st.integers(-length, length))
    to_ms = from_ms + draw(st.integers(0, length))
    side = draw(st.sampled_from(["home", "away"]))
    match shape:
        case "vanish":
            return Vanish(match.id, from_ms, to_ms)
        case "state":
            return FalseState(
                match.id, from_ms, to_ms, draw(st.sampled_from(["FT", "HT", "AU", "?"]))
            )
        case _:
            return Phantom(match.id, from_ms, to_ms, shape, side)


@given(st.data())
def test_once_the_lies_are_over_the_result_is_the_true_one(data):
    match = data.draw(st.sampled_from(MATCHES))
    lies = data.draw(st.lists(lies_about(match), max_size=6))
    over_ms = max([match.final_whistle_ms, *(lie.to_ms for lie in lies)])

    at = seen(match, lies, over_ms)

    assert (at.score, at.shoot_out) == (result(match).score, result(match).penalties)
    assert at.state == seen(match, [], over_ms).state
