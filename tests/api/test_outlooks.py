"""What the list of instruments says beside prices, and what was seen of a match."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import gevent
import msgspec
import psycopg2
import pytest
from touchline.domain.ids import InstrumentIdx
from touchline.domain.outlook import Outlook
from touchline.http.outlooks import AGE_S, KnownOutlooks
from touchline.protocol.market import FixtureEvent
from touchline.protocol.pages import All
from touchline.store.keys import Keys

from tests.api.conftest import Api
from tests.fakes.clock import FakeClock

ARS = InstrumentIdx(17)
DAY = 86_400


def run(api: Api, statement: str, *values: object) -> None:
    with api.pg.transaction() as cursor:
        cursor.execute(statement, values)


def add_league(api: Api, number: int, name: str) -> None:
    run(api, "INSERT INTO leagues (id, name) VALUES (%s, %s)", number, name)


def add_fixture(
    api: Api, number: int, days: int, league: int | None = None, phase: str = "scheduled"
) -> None:
    """A match of ARS at home, some days from now."""
    kickoff = datetime.fromtimestamp(api.clock.calendar() / 1000 + days * DAY, UTC)
    run(
        api,
        "INSERT INTO fixtures (id, league_id, home_team_id, away_team_id, starting_at, state,"
        " phase, settled_at, updated_at) VALUES (%s, %s, 17, 18, %s, 'NS', %s, %s, now())",
        number,
        league,
        kickoff,
        phase,
        kickoff if phase == "finished" else None,
    )


def add_minute(api: Api, hours_ago: float, open_px: int, close_px: int) -> None:
    at = datetime.fromtimestamp(api.clock.calendar() / 1000 - hours_ago * 3600, UTC)
    run(
        api,
        "INSERT INTO price_candles (idx, iv, t, o, h, l, c, vol, first_seq, last_seq)"
        " VALUES (17, '1m', %s, %s, %s, %s, %s, 0, 1, 1)",
        at,
        open_px,
        max(open_px, close_px),
        min(open_px, close_px),
        close_px,
    )


def clubs(api: Api, query: str = "") -> list[dict[str, Any]]:
    """The list as an api-server answers it that has only just begun."""
    rows: list[dict[str, Any]] = api.with_().get(f"/v1/instruments{query}").get_json()["data"]
    return rows


def test_a_club_shows_the_match_that_it_plays_now_or_next(api: Api) -> None:
    add_league(api, 8, "Premier League")
    add_fixture(api, 1, -9, phase="finished")
    add_fixture(api, 2, 7)
    add_fixture(api, 3, 2, league=8)
    add_fixture(api, 4, 1, phase="void")

    home, away = (club["next_fixture"] for club in clubs(api))

    assert (home["id"], home["league"], home["side"]) == (3, "Premier League", "home")
    assert home["opponent"] == {"idx": 18, "symbol": "LIV", "name": "Liverpool"}
    assert (away["id"], away["side"], away["opponent"]["symbol"]) == (3, "away", "ARS")
    assert home["starting_at"] == away["starting_at"]


def test_a_match_under_way_is_the_one_that_is_shown(api: Api) -> None:
    add_fixture(api, 1, 0, phase="live")
    add_fixture(api, 2, 7)

    assert clubs(api)[0]["next_fixture"]["phase"] == "live"


def test_the_list_can_be_asked_for_a_league(api: Api) -> None:
    add_league(api, 8, "Premier League")
    add_league(api, 9, "Cup")
    add_fixture(api, 1, 2, league=8)

    assert [club["leagues"] for club in clubs(api)] == [["Premier League"]] * 2
    assert len(clubs(api, "?league=Premier+League")) == len(clubs(api, "?league=8")) == 2
    assert clubs(api, "?league=Cup") == clubs(api, "?league=") == []


def test_a_change_is_that_since_a_day_ago(api: Api) -> None:
    add_minute(api, 30, 900_000, 800_000)
    add_minute(api, 24.5, 800_000, 1_250_000)
    add_minute(api, 24, 1_250_000, 500_000)
    add_minute(api, 1, 500_000, 1_000_000)

    assert [club["change_24h"] for club in clubs(api)] == ["-20.00", None]


def test_a_change_of_a_young_club_is_that_since_it_began(api: Api) -> None:
    add_minute(api, 2, 800_000, 900_000)

    assert clubs(api)[0]["change_24h"] == "25.00"


def test_one_club_shows_what_the_list_shows(api: Api) -> None:
    add_fixture(api, 3, 2)

    assert api.get("/v1/instruments/ARS").get_json() == clubs(api)[0]


def test_the_list_takes_one_round_trip_to_redis_whether_it_has_changed_or_not(api: Api) -> None:
    tag = api.get("/v1/instruments").headers["ETag"]
    before = api.redis.info("commandstats")

    assert api.get("/v1/instruments", **{"If-None-Match": tag}).status_code == 304

    after = api.redis.info("commandstats")
    asked = {
        name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in after
        if name != "cmdstat_info"
    }
    # One script, and what it asks for: the set of clubs, and the version of each.
    assert {name: calls for name, calls in asked.items() if calls} == {
        "cmdstat_evalsha": 1,
        "cmdstat_smembers": 1,
        "cmdstat_hmget": 2,
    }


def test_a_club_that_is_listed_or_taken_off_later_is_noticed(api: Api) -> None:
    assert len(clubs(api)) == 2
    api.redis.hset("inst:19", mapping=api.redis.hgetall("inst:17") | {"sym": "NEW"})
    api.redis.sadd("instruments", 19)

    assert [club["symbol"] for club in api.get("/v1/instruments").get_json()["data"]] == [
        "ARS",
        "LIV",
        "NEW",
    ]
    api.redis.srem(Keys().instruments, 17, 19)
    assert [club["symbol"] for club in api.get("/v1/instruments").get_json()["data"]] == ["LIV"]


class Library:
    """Outlooks to read, or an outage."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False

    def read(self, now_ms: int) -> dict[InstrumentIdx, Outlook]:
        self.reads += 1
        if self.away:
            raise psycopg2.OperationalError("away")
        return {ARS: Outlook(day_ago_px=self.reads)}


@pytest.fixture
def known() -> tuple[KnownOutlooks, Library, FakeClock]:
    clock, library = FakeClock(), Library()
    return KnownOutlooks(library.read, clock.calendar, clock.monotonic), library, clock


def test_outlooks_are_read_once_in_a_while(known: Any) -> None:
    outlooks, library, clock = known
    for _ in range(3):
        outlooks.look()
    assert (outlooks.of(ARS).day_ago_px, library.reads) == (1, 1)

    clock.advance(AGE_S)
    for _ in range(3):
        outlooks.look()
    assert outlooks.of(ARS).day_ago_px == 1  # nobody waits for what is read meanwhile
    gevent.idle()

    assert (outlooks.of(ARS).day_ago_px, library.reads) == (2, 2)


def test_what_is_known_is_shown_while_postgres_is_away(known: Any) -> None:
    outlooks, library, clock = known
    library.away = True
    outlooks.look()
    assert outlooks.of(ARS) == Outlook()

    library.away = False
    clock.advance(AGE_S)
    outlooks.look()
    library.away = True
    clock.advance(AGE_S)
    outlooks.look()
    gevent.idle()

    assert (outlooks.of(ARS).day_ago_px, library.reads) == (2, 3)


def events(api: Api, number: int) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/fixtures/{number}/events")
    assert answer.status_code == 200, answer.get_json()
    msgspec.json.decode(answer.data, type=All[FixtureEvent])
    rows: list[dict[str, Any]] = answer.get_json()["data"]
    return rows


def add_look(api: Api, seq: int, state: str, home: int, away: int, minute: int) -> None:
    run(
        api,
        "INSERT INTO match_scores (fixture_id, seq, home, away, minute, state, source_hash,"
        " observed_at) VALUES (1, %s, %s, %s, %s, %s, '', '2026-08-15T14:00:00Z')",
        seq,
        home,
        away,
        minute,
        state,
    )


def test_a_match_tells_what_was_seen_of_it(api: Api) -> None:
    add_fixture(api, 1, 0, phase="live")
    assert events(api, 1) == []
    add_look(api, 1, "INPLAY_1ST_HALF", 0, 0, 1)
    add_look(api, 2, "INPLAY_1ST_HALF", 0, 1, 17)

    rows = events(api, 1)

    assert [(row["id"], row["event"], row["side"], row["minute"]) for row in rows] == [
        (1, "state", None, 1),
        (2, "goal", "away", 17),
    ]
    assert rows[1]["score"] == {"home": 0, "away": 1}
    assert (rows[1]["player"], rows[1]["how"]) == (None, None)


def test_a_goal_names_its_scorer_where_the_feed_does(api: Api) -> None:
    add_fixture(api, 1, 0, phase="live")
    add_look(api, 1, "INPLAY_1ST_HALF", 0, 0, 1)
    add_look(api, 2, "INPLAY_1ST_HALF", 0, 1, 17)
    run(
        api,
        "INSERT INTO match_events (fixture_id, event_id, type, team_id, minute, player, first_seen)"
        " SELECT id, 9, 'OWNGOAL', away_team_id, 17, 'Okafor', '2026-08-15T14:00:10Z'"
        " FROM fixtures WHERE id = %s",
        1,
    )

    goal = events(api, 1)[-1]

    assert (goal["event"], goal["player"], goal["how"]) == ("goal", "Okafor", "own_goal")


def test_events_of_a_match_have_an_etag_and_unknown_ones_none(api: Api) -> None:
    add_fixture(api, 1, 0)
    path = "/v1/fixtures/1/events"
    tag = api.get(path).headers["ETag"]

    assert api.get(path, **{"If-None-Match": tag}).status_code == 304
    assert api.get("/v1/fixtures/2/events").status_code == 404
    assert api.get(f"/v1/fixtures/{2**63}/events").status_code == 404
    assert api.get(f"{path}?limit=3").status_code == 400
