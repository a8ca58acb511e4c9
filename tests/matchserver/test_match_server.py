"""The feed over real HTTP: endpoints, envelopes, refusals and budget."""

import gevent
import pytest
from touchline.matchserver.clock import WarpClock, windows_of
from touchline.matchserver.matches import make_season, result
from touchline.matchserver.openfootball import load_openfootball
from touchline.matchserver.season import generate_season
from touchline.matchserver.server import MatchServer

from tests.matchserver.match_days import Client, current, long_final
from tests.matchserver.season_files import FILES

FINAL = long_final()
LEAGUE = generate_season(5, clubs=10)
#: The fields of a fixture in the feed's documentation.
FIXTURE_FIELDS = {
    "id",
    "sport_id",
    "league_id",
    "season_id",
    "stage_id",
    "group_id",
    "aggregate_id",
    "round_id",
    "state_id",
    "venue_id",
    "name",
    "starting_at",
    "result_info",
    "leg",
    "details",
    "length",
    "placeholder",
    "has_odds",
    "has_premium_odds",
    "starting_at_timestamp",
}
EVENT_FIELDS = {
    "id",
    "fixture_id",
    "period_id",
    "participant_id",
    "type_id",
    "section",
    "player_id",
    "related_player_id",
    "player_name",
    "related_player_name",
    "result",
    "info",
    "addition",
    "minute",
    "extra_minute",
    "injured",
    "on_bench",
    "coach_id",
    "sub_type_id",
    "detailed_period_id",
    "rescinded",
    "sort_order",
}
EVERYTHING = "participants;scores;state;events;periods;statistics;league"


def serving(season, **settings):
    clock = WarpClock(windows_of(season, 0), 0, lambda: 0.0)
    server = MatchServer(season, clock, advance=clock.advance, **settings)
    server.start()
    return server, clock


@pytest.fixture
def day():
    """A server of one long final; advance its clock, ask its client."""
    server, clock = serving(make_season("Cup", [FINAL]), token="secret")
    yield clock, Client(server.base_url)
    server.stop()


@pytest.fixture
def league():
    """A server of a league before its first kick-off."""
    server, clock = serving(LEAGUE)
    yield clock, Client(server.base_url)
    server.stop()


def test_a_fixture_has_the_fields_of_the_documentation(day):
    clock, client = day
    clock.advance_to(FINAL.periods[1].start_ms + 60_000)

    (plain,) = client.data("/livescores/inplay")
    (full,) = client.data(f"/livescores/inplay?include={EVERYTHING}")

    assert set(plain) == FIXTURE_FIELDS
    assert set(full) == FIXTURE_FIELDS | set(EVERYTHING.split(";"))
    assert set(full["events"][0]) == EVENT_FIELDS
    assert (plain["state_id"], plain["starting_at"]) == (22, "2024-03-30 15:00:00")
    assert plain["starting_at_timestamp"] * 1000 == FINAL.kickoff_ms


def test_an_answer_has_the_envelope_of_the_documentation(day):
    _, client = day

    answer = client.get("/fixtures/77")

    assert set(answer) == {"data", "subscription", "rate_limit", "timezone"}
    assert answer["rate_limit"]["requested_entity"] == "Fixture"
    assert answer["timezone"] == "UTC"


def test_nothing_in_play_is_a_200_without_data(day):
    clock, client = day
    clock.advance_to(FINAL.final_whistle_ms)

    answer = client.get("/livescores/inplay")

    assert client.status("/livescores/inplay") == 200
    assert "data" not in answer
    assert answer["message"].startswith("No result(s) found")


def test_half_way_through_the_periods_and_scores_say_so(day):
    clock, client = day
    clock.advance_to(FINAL.periods[1].start_ms + 13 * 60_000 + 12_000)

    (match,) = client.data("/livescores/inplay?include=scores;periods")
    first, second = match["periods"]

    assert (first["ticking"], first["minutes"]) == (False, 45 + FINAL.periods[0].added_min)
    assert (second["ticking"], second["ended"], second["minutes"], second["seconds"]) == (
        True,
        None,
        58,
        12,
    )
    assert (first["time_added"], second["time_added"]) == (FINAL.periods[0].added_min, None)
    assert {entry["description"] for entry in match["scores"]} == {
        "1ST_HALF",
        "2ND_HALF",
        "CURRENT",
    }


def test_a_shoot_out_has_a_score_of_its_own(day):
    clock, client = day
    clock.advance_to(FINAL.final_whistle_ms)

    final = client.data("/fixtures/77?include=scores;state;participants")

    assert final["state"]["developer_name"] == "FT_PEN"
    assert current(final) == (2, 2)
    assert current(final, "ET") == (2, 2)
    assert current(final, "2ND_HALF") == (1, 1)
    assert current(final, "PENALTY_SHOOTOUT") == (3, 0)
    assert [club["meta"]["winner"] for club in final["participants"]] == [True, False]
    assert (final["result_info"], final["length"]) == ("Moor won after penalties.", 120)


def test_entries_keep_their_numbers_as_a_match_goes_on(day):
    clock, client = day
    numbers = {}

    for period in FINAL.periods:
        clock.advance_to(period.end_ms)
        match = client.data("/fixtures/77?include=scores;events")
        for entry in match["scores"]:
            identity = entry["description"], entry["participant_id"]
            assert numbers.setdefault(("score", entry["id"]), identity) == identity
        for entry in match["events"]:
            identity = entry["type_id"], entry["minute"]
            assert numbers.setdefault(("event", entry["id"]), identity) == identity


def test_events_tell_the_running_score_in_order(day):
    clock, client = day
    clock.advance_to(FINAL.final_whistle_ms)

    events = client.data("/fixtures/77?include=events")["events"]

    goals = [(e["type_id"], e["result"]) for e in events if e["result"]]
    assert goals == [(14, "1-0"), (14, "1-1"), (16, "1-2"), (14, "2-2")]
    assert [e["type_id"] for e in events[4:]] == [23, 22, 23, 22, 23, 22]
    assert [e["sort_order"] for e in events] == list(range(1, 11))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fixture_ends_with_the_score_of_the_file(path):
    season = load_openfootball(path)
    server, clock = serving(season)
    client = Client(server.base_url)
    clock.advance_to(season.matches[-1].final_whistle_ms + 1)

    ids = ",".join(str(match.id) for match in season.matches)
    shown = {f["id"]: f for f in client.data(f"/fixtures/multi/{ids}?include=scores")}
    server.stop()

    for match in season.matches:
        ended = result(match)
        assert current(shown[match.id]) == ended.score
        assert current(shown[match.id], "PENALTY_SHOOTOUT") == ended.penalties


def test_the_table_of_states_can_be_read(league):
    _, client = league

    names = {state["developer_name"]: state["id"] for state in client.data("/states")}

    assert (names["NS"], names["INPLAY_2ND_HALF"], names["PEN_BREAK"]) == (1, 22, 25)
    assert len(names) == 25


def test_fixtures_between_two_days_come_in_pages_that_link_on(league):
    _, client = league
    path, found = (
        "/fixtures/between/2026-08-01/2027-12-31?per_page=40&api_token=shown-to-nobody",
        [],
    )

    while path:
        answer = client.get(path)
        found += answer["data"]
        page = answer["pagination"]
        assert page["count"] == len(answer["data"])
        assert page["has_more"] == (page["next_page"] is not None)
        assert "shown-to-nobody" not in str(answer)
        path = page["next_page"] and page["next_page"].removeprefix(client.base_url)

    assert [fixture["id"] for fixture in found] == [match.id for match in LEAGUE.matches]


def test_a_page_that_ends_with_the_list_is_the_last(league):
    _, client = league

    last = client.get("/fixtures/between/2026-08-01/2027-12-31?per_page=45&page=2")
    beyond = client.get("/fixtures/between/2026-08-01/2027-12-31?per_page=45&page=3")

    assert (last["pagination"]["has_more"], len(last["data"])) == (False, 45)
    assert "data" not in beyond


def test_both_days_of_between_are_included(league):
    _, client = league

    days = {f["starting_at"][:10] for f in client.data("/fixtures/between/2026-08-02/2026-08-08")}

    assert days <= {"2026-08-02", "2026-08-08"}
    assert "2026-08-08" in days


def test_a_filter_keeps_to_its_leagues(league):
    _, client = league
    number = client.data("/fixtures/between/2026-08-01/2026-08-02")[0]["league_id"]
    path = "/fixtures/between/2026-08-01/2026-08-02?filters=fixtureLeagues:"

    assert "data" not in client.get(f"{path}{number + 1}")
    assert len(client.data(f"{path}{number + 1},{number}")) == 5


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/fixtures/1", 404, None),
        ("/fixtures/between/2026-08-01", 404, None),
        ("/nowhere", 404, None),
        ("/livescores/inplay?include=scores;lineups", 404, 5001),
        ("/livescores/inplay?filters=teams:1", 400, 5010),
        ("/livescores/inplay?filters=fixtureLeagues:x", 400, 5006),
        ("/fixtures/between/2026-08-01/soon", 400, 5006),
        ("/fixtures/between/2026-08-01/2026-08-02?per_page=51", 400, 5003),
        ("/fixtures/between/2026-08-01/2026-08-02?page=0", 400, 5006),
        ("/fixtures/between/2026-08-01/2026-08-02?page=-1", 400, 5006),
        ("/fixtures/seven", 400, 5006),
    ],
)
def test_a_wrong_request_is_refused_as_the_feed_does(league, path, status, code):
    _, client = league

    answer = client.raw(path)

    assert (answer.status, answer.json().get("code")) == (status, code)
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "wrong"}, {"Authorization": "Bearer secret"}]
)
def test_a_request_without_the_token_is_unauthenticated(day, headers):
    _, client = day
    stranger = Client(client.base_url, headers)

    assert stranger.status("/livescores/inplay") == 401
    assert stranger.get("/fixtures/77") == {"message": "Unauthenticated."}
    assert stranger.control("faults", {}).status == 401


def test_the_token_may_stand_in_the_query(day):
    _, client = day

    assert Client(client.base_url, {}).status("/fixtures/77?api_token=secret") == 200


def test_only_reading_is_supported(day):
    _, client = day

    assert client.post(client.base_url + "/fixtures/77", {}).status == 405


def test_each_entity_has_a_budget_an_hour():
    server, clock = serving(LEAGUE, hourly_limit=3)
    client = Client(server.base_url)

    left = [client.get("/livescores/inplay")["rate_limit"]["remaining"] for _ in range(3)]
    clock.advance(60_000)
    refused = client.raw("/livescores/inplay")
    states = client.status("/states")
    clock.advance(3_540_000)
    again = client.status("/livescores/inplay")
    server.stop()

    assert left == [2, 1, 0]
    assert (refused.status, refused.json()["code"]) == (429, 5005)
    assert refused.json()["rate_limit"]["resets_in_seconds"] == 3540
    assert (states, again) == (200, 200)


def test_the_clock_can_be_read_and_moved_on(day):
    clock, client = day
    before_ms = clock()

    moved = client.control("advance", {"ms": 60_000})

    assert moved.json() == {"now_ms": before_ms + 60_000, "speed": 0}
    assert client.clock() == moved.json()


@pytest.mark.parametrize("body", [{}, {"ms": -1}, {"ms": "1"}, {"ms": 1, "to": 2}, []])
def test_a_control_that_cannot_be_read_moves_nothing(day, body):
    clock, client = day
    before_ms = clock()

    assert client.control("advance", body).status == 400
    assert clock() == before_ms


def test_a_clock_of_somebody_else_cannot_be_moved():
    server = MatchServer(LEAGUE, lambda: 0)
    server.start()

    answer = Client(server.base_url).control("advance", {"ms": 1})
    server.stop()

    assert answer.status == 409


def test_a_stopped_server_frees_its_port_and_may_start_again():
    server, _ = serving(LEAGUE)
    port = server.port
    server.stop()

    server.start()
    status = Client(server.base_url).status("/states")
    server.stop()

    assert (server.port, status) == (port, 200)


def test_a_taken_port_is_an_error():
    server, clock = serving(LEAGUE)

    with pytest.raises(OSError, match="in use"):
        MatchServer(LEAGUE, clock, port=server.port).start()

    server.stop()


def test_killed_while_it_serves_it_can_be_started_again_at_its_port():
    server = MatchServer(LEAGUE, lambda: 0)
    server.start()
    port = server.port
    serving = gevent.spawn(server.serve_forever)
    gevent.idle()

    serving.kill()
    server.start()

    assert server.port == port
    assert Client(server.base_url).status("/states") == 200
    server.stop()
