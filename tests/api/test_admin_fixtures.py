"""Results that operators set, and how the feed is read, over HTTP."""

from __future__ import annotations

import pytest
from touchline.domain.halts import Halt

from tests.api.conftest import Api, Trader

RESETTLE, VOID, LINK = (f"/v1/admin/fixtures/1/{act}" for act in ("resettle", "void", "link"))
WON = {"home_goals": 1, "away_goals": 0, "reason": "decided by the league"}


@pytest.fixture
def awarded(api: Api) -> Api:
    """Arsenal against Liverpool, decided off the pitch."""
    add(api, "AWARDED", "finished")
    return api


def add(api: Api, state: str, phase: str, ago: str = "2 hours") -> None:
    now_s = api.clock.calendar() / 1000
    with api.pg.transaction() as cursor:
        cursor.execute(
            "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase,"
            " updated_at) VALUES (1, 17, 18, to_timestamp(%s) - %s::interval, %s, %s, now())",
            (now_s, ago, state, phase),
        )


def test_a_result_that_is_set_is_in_the_prices(awarded: Api, operator: Trader) -> None:
    answer = operator.act(RESETTLE, WON)

    said = answer.get_json()
    assert (answer.status_code, said["settled"], said["score"]) == (
        200,
        True,
        {"home": 1, "away": 0},
    )
    assert said["before"] == {"home": "100.0000", "away": "100.0000"}
    mids = [awarded.get(f"/v1/instruments/{idx}").get_json()["mid"] for idx in (17, 18)]
    assert mids == [said["left"]["home"], said["left"]["away"]]
    assert float(mids[0]) > 100 > float(mids[1])
    assert awarded.get("/v1/fixtures/1").get_json()["settled_at"]


def test_a_result_that_is_taken_back_has_moved_nothing(awarded: Api, operator: Trader) -> None:
    operator.act(RESETTLE, WON)

    answer = operator.act(VOID, {"reason": "protest upheld"})

    said = answer.get_json()
    assert (said["settled"], said["voided"], said["phase"]) == (False, True, "void")
    assert said["left"] == said["before"]
    (line, before) = operator.audit(target="fixture 1")
    assert (line["action"], line["request"]) == ("fixture.void", {"reason": "protest upheld"})
    assert line["before"] == before["after"]


def test_a_team_is_linked_to_another_instrument(awarded: Api, operator: Trader) -> None:
    operator.act(RESETTLE, WON)

    answer = operator.act(LINK, {"side": "home", "instrument": "LIV", "reason": "renumbered"})

    assert answer.get_json() == {"id": 1, "home_idx": 18, "away_idx": 17}
    assert operator.get("/v1/admin/instruments/18").get_json()["team_id"] == 17


@pytest.mark.parametrize(
    ("state", "phase", "path", "code"),
    [
        ("INPLAY_2ND_HALF", "live", RESETTLE, "FIXTURE_LIVE"),
        ("INPLAY_2ND_HALF", "live", VOID, "FIXTURE_LIVE"),
        ("INPLAY_2ND_HALF", "live", LINK, "CLUB_IN_PLAY"),
        ("NS", "scheduled", RESETTLE, "FIXTURE_NOT_BEGUN"),
    ],
)
def test_what_cannot_be_done_says_why(
    api: Api, operator: Trader, state: str, phase: str, path: str, code: str
) -> None:
    add(api, state, phase)
    bodies: dict[str, dict[str, object]] = {
        RESETTLE: dict(WON),
        VOID: {"reason": "r"},
        LINK: {"side": "home", "instrument": 18, "reason": "r"},
    }

    answer = operator.act(path, bodies[path])

    assert (answer.status_code, answer.get_json()["code"]) == (409, code)
    assert operator.audit(target="fixture 1")[0]["outcome"] == code


def test_a_match_that_the_feed_has_lost_can_be_void(api: Api, operator: Trader) -> None:
    add(api, "INPLAY_2ND_HALF", "live", "7 hours")

    assert operator.act(VOID, {"reason": "never came back"}).get_json()["voided"] is True


@pytest.mark.parametrize("number", ["2", str(2**63)])
def test_there_has_to_be_such_a_fixture(operator: Trader, number: str) -> None:
    answer = operator.act(f"/v1/admin/fixtures/{number}/resettle", WON)

    assert (answer.status_code, answer.get_json()["code"]) == (404, "NOT_FOUND")


def test_the_instrument_has_to_be_listed(awarded: Api, operator: Trader) -> None:
    answer = operator.act(LINK, {"side": "home", "instrument": "FUL", "reason": "r"})

    assert (answer.get_json()["code"], answer.get_json()["errors"][0]["pointer"]) == (
        "INSTRUMENT_UNKNOWN",
        "/instrument",
    )


def test_the_feed_says_how_it_is_read(awarded: Api, operator: Trader) -> None:
    now_ms = awarded.clock.calendar()
    said = {"state": "failing", "last_ok": now_ms - 12_000, "last_err": now_ms - 1_000}
    awarded.deps.hot.set_feed_health(said | {"error": "HTTP 500", "remaining": 1_411})
    awarded.redis.hset("inst:17", "halt", int(Halt.FEED_STALE))

    feed = operator.get("/v1/admin/feed").get_json()

    assert (feed["state"], feed["error"], feed["age_ms"]) == ("failing", "HTTP 500", 12_000)
    assert (feed["calls_left"], feed["stale"], feed["scheduled"]) == (1_411, [17], 0)
    assert [(each["id"], each["phase"], each["home"]) for each in feed["open"]] == [
        (1, "finished", "ARS")
    ]


def test_a_feed_that_was_never_read_says_nothing(operator: Trader) -> None:
    feed = operator.get("/v1/admin/feed").get_json()

    assert (feed["state"], feed["last_ok"], feed["age_ms"], feed["open"]) == (None, None, None, [])
