"""Instruments, quotes, ticks, fixtures, status and the page, as anybody may read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from touchline.actors.health import State
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.ticks import IndexChange

from tests.api.conftest import Api, Trader
from tests.fakes.health import child

ARS = InstrumentIdx(17)
KICKOFF = datetime(2026, 8, 15, 14, 0, tzinfo=UTC)


def halt(api: Api, bits: Halt) -> None:
    api.redis.hset("inst:17", "halt", int(bits))


def enter(api: Api, phase: Phase) -> None:
    """The feed says that the match of ARS is in *phase* now."""
    api.redis.set("lease:scheduler", "me")
    change = IndexChange(idx=ARS, now_ms=api.clock.calendar(), phase=phase)
    api.deps.scripts.index_apply(change, "lease:scheduler", "me")


def add_fixture(api: Api, number: int, state: str = "NS", phase: str = "scheduled") -> None:
    with api.pg.transaction() as cursor:
        cursor.execute(
            "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase,"
            " updated_at) VALUES (%s, 17, 18, %s + %s * INTERVAL '1 day', %s, %s, now())",
            (number, KICKOFF, number, state, phase),
        )


def test_the_list_shows_every_club_with_its_prices(api: Api) -> None:
    page = api.get("/v1/instruments").get_json()

    assert [club["symbol"] for club in page["data"]] == ["ARS", "LIV"]
    assert (page["has_more"], page["next_cursor"]) == (False, None)
    assert page["data"][0].items() >= {"idx": 17, "mid": "100.0000", "status": "open"}.items()


def test_the_list_comes_in_pages(api: Api) -> None:
    first = api.get("/v1/instruments?limit=1").get_json()
    second = api.get(f"/v1/instruments?limit=1&cursor={first['next_cursor']}").get_json()

    assert [first["data"][0]["idx"], second["data"][0]["idx"]] == [17, 18]
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_the_list_can_be_asked_for_what_is_halted(api: Api) -> None:
    halt(api, Halt.EVENT)

    halted = api.get("/v1/instruments?status=halted").get_json()["data"]

    assert [(club["symbol"], club["halt_reasons"]) for club in halted] == [("ARS", ["EVENT"])]
    assert len(api.get("/v1/instruments?status=open").get_json()["data"]) == 1


def test_a_club_that_is_listed_later_is_found(api: Api) -> None:
    assert api.get("/v1/instruments/17").status_code == 200
    fields = api.redis.hgetall("inst:17") | {"sym": "NEW"}
    api.redis.hset("inst:19", mapping=fields)
    api.redis.sadd("instruments", 19)

    assert api.get("/v1/instruments/NEW").get_json()["idx"] == 19


@pytest.mark.parametrize("path", ["/v1/instruments", "/v1/instruments/ARS", "/v1/fixtures"])
def test_what_has_not_changed_is_not_sent_again(api: Api, path: str) -> None:
    first = api.get(path)

    assert api.get(path, **{"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_a_trade_changes_the_etag_of_its_club(ada: Trader) -> None:
    before = ada.get("/v1/instruments/17").headers["ETag"]

    ada.order()

    assert ada.get("/v1/instruments/17", **{"If-None-Match": before}).status_code == 200


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("phase", [Phase.SCHEDULED, Phase.LIVE, Phase.BREAK])
def test_a_quote_is_what_the_order_then_costs(
    api: Api, ada: Trader, side: str, phase: Phase
) -> None:
    ada.order(quantity="20")
    enter(api, phase)
    quoted = ada.get(f"/v1/instruments/17/quote?side={side}&quantity=12.5").get_json()

    fill = ada.order(side=side, quantity="12.5").get_json()

    same = ("average_price", "value", "fee", "quantity", "symbol")
    assert [quoted[name] for name in same] == [fill[name] for name in same]


def test_a_quote_tells_the_total_and_the_impact(api: Api) -> None:
    buy = api.get("/v1/instruments/17/quote?side=buy&quantity=10").get_json()
    sell = api.get("/v1/instruments/17/quote?side=sell&quantity=10").get_json()

    assert float(buy["total"]) == pytest.approx(float(buy["value"]) + float(buy["fee"]))
    assert float(sell["total"]) == pytest.approx(float(sell["value"]) - float(sell["fee"]))
    assert buy["impact_bps"] == "15.01"  # 10 of spread on 5: half of 10 in 10,000 shares


def test_kick_off_widens_what_the_list_shows_and_what_is_quoted(api: Api) -> None:
    enter(api, Phase.LIVE)

    shown = api.get("/v1/instruments").get_json()["data"][0]
    quoted = api.get("/v1/instruments/17/quote?side=buy&quantity=0.001").get_json()

    assert (shown["bid"], shown["mid"], shown["ask"]) == ("99.7000", "100.0000", "100.3000")
    assert (shown["phase"], shown["seq"], quoted["seq"]) == ("live", 1, 1)
    assert quoted["average_price"] == "100.3002"  # its own impact and the roundings
    ticks = api.get("/v1/instruments/17/ticks").get_json()["data"]
    assert [(tick["bid"], tick["ask"]) for tick in ticks] == [("99.7000", "100.3000")]


def test_in_play_a_quote_is_refused_beyond_a_quarter_of_the_largest_order(api: Api) -> None:
    enter(api, Phase.BREAK)

    most = api.get("/v1/instruments/17/quote?side=sell&quantity=12.5")
    more = api.get("/v1/instruments/17/quote?side=sell&quantity=12.501")

    assert most.status_code == 200
    assert more.get_json().items() >= {"code": "QUANTITY_LIMIT_EXCEEDED", "limit": "12.500"}.items()


def test_a_quote_changes_nothing(api: Api) -> None:
    before = api.stored()

    api.get("/v1/instruments/17/quote?side=buy&quantity=10")

    assert api.stored() == before


def test_a_halted_club_is_not_quoted(api: Api) -> None:
    halt(api, Halt.ADMIN)

    answer = api.get("/v1/instruments/17/quote?side=buy&quantity=1")

    assert (answer.status_code, answer.get_json()["code"]) == (409, "MARKET_HALTED")
    assert answer.get_json()["halt_reasons"] == ["ADMIN"]


def test_more_than_one_order_may_be_is_not_quoted(api: Api) -> None:
    answer = api.get("/v1/instruments/17/quote?side=buy&quantity=51")

    assert answer.get_json()["errors"][0] == {
        "pointer": "/quantity",
        "detail": "The order is larger than one order may be",
        "in": "query",
    }


def tick(api: Api, times: int) -> list[str]:
    for _ in range(times):
        api.clock.advance(1)
        change = IndexChange(idx=ARS, now_ms=api.clock.calendar(), heartbeat=True)
        api.deps.scripts.index_apply(change, "lease:scheduler", "me")
    return [entry_id for entry_id, _ in api.redis.xrange("ticks:17")]


@pytest.fixture
def ticking(api: Api) -> Api:
    api.redis.set("lease:scheduler", "me")
    return api


def test_ticks_behind_the_last_one_seen_fill_a_gap(ticking: Api) -> None:
    ids = tick(ticking, 5)

    missed = ticking.get(f"/v1/instruments/17/ticks?after={ids[1]}").get_json()["data"]

    assert [one["tick"] for one in missed] == ids[2:]
    assert [one["seq"] for one in missed] == [3, 4, 5]


def test_without_a_start_the_newest_ticks_come_oldest_first(ticking: Api) -> None:
    ids = tick(ticking, 5)

    newest = ticking.get("/v1/instruments/17/ticks?limit=2").get_json()["data"]

    assert [one["tick"] for one in newest] == ids[-2:]


def test_ticks_that_redis_has_lost_are_gone_too(ticking: Api) -> None:
    ids = tick(ticking, 2)
    ticking.redis.delete("ticks:17")

    answer = ticking.get(f"/v1/instruments/17/ticks?after={ids[0]}")

    assert (answer.status_code, answer.get_json()["code"]) == (410, "TICK_TRIMMED")


def test_ticks_that_were_trimmed_are_gone_and_the_client_is_told(ticking: Api) -> None:
    ids = tick(ticking, 5)
    ticking.redis.xtrim("ticks:17", minid=ids[3], approximate=False)

    answer = ticking.get(f"/v1/instruments/17/ticks?after={ids[1]}")

    assert (answer.status_code, answer.get_json()["code"]) == (410, "TICK_TRIMMED")
    assert answer.get_json()["oldest"] == ids[3]
    assert ticking.get(f"/v1/instruments/17/ticks?after={ids[3]}").status_code == 200


def test_a_start_before_the_very_first_tick_misses_nothing(ticking: Api) -> None:
    ids = tick(ticking, 2)

    found = ticking.get("/v1/instruments/17/ticks?after=0-0").get_json()["data"]

    assert [one["tick"] for one in found] == ids


def test_a_club_that_never_ticked_has_no_ticks(api: Api) -> None:
    assert api.get("/v1/instruments/18/ticks?after=5-0").get_json() == {"data": []}


def test_fixtures_come_by_kick_off_in_pages(api: Api) -> None:
    for number in (3, 1, 2):
        add_fixture(api, number)

    first = api.get("/v1/fixtures?limit=2").get_json()
    second = api.get(f"/v1/fixtures?limit=2&cursor={first['next_cursor']}").get_json()

    assert [row["id"] for row in first["data"] + second["data"]] == [1, 2, 3]
    assert first["data"][0]["home"] == {"idx": 17, "symbol": "ARS", "name": "Arsenal"}
    assert first["data"][0]["starting_at"] == "2026-08-16T14:00:00.000Z"


def test_fixtures_can_be_asked_for_by_time_phase_and_club(api: Api) -> None:
    add_fixture(api, 1, "FT", "finished")
    add_fixture(api, 2)

    def ids(query: str) -> list[int]:
        return [row["id"] for row in api.get(f"/v1/fixtures?{query}").get_json()["data"]]

    assert ids("from=2026-08-17T00:00:00Z") == [2]
    assert ids("to=2026-08-17T00:00:00%2B00:00") == [1]
    assert ids(f"status={Phase.FINISHED}") == [1]
    assert ids("team=LIV") == [1, 2]


def test_one_fixture_is_found_by_its_id(api: Api) -> None:
    add_fixture(api, 1)

    found = api.get("/v1/fixtures/1")

    assert found.get_json()["phase"] == "scheduled"
    assert api.get("/v1/fixtures/2").status_code == 404
    assert api.get("/v1/fixtures/1", **{"If-None-Match": found.headers["ETag"]}).status_code == 304


def test_the_status_tells_how_old_the_feed_is_and_what_is_halted(api: Api) -> None:
    halt(api, Halt.FEED_STALE)
    api.deps.hot.set_feed_health({"last_ok": api.clock.calendar() - 12_000})

    said = api.get("/v1/status").get_json()

    assert (said["status"], said["feed"]["age_ms"]) == ("ok", 12_000)
    assert said["halts"] == [
        {"idx": 17, "symbol": "ARS", "halt_reasons": ["FEED_STALE"], "note": None}
    ]


def test_the_status_names_what_is_degraded(api: Api) -> None:
    api.health.children = (child("flusher", State.BACKOFF), child("bots", State.PARKED))
    api.health.outside["postgres"] = "timed out"

    said = api.get("/v1/status").get_json()

    assert (said["status"], said["degraded"]) == ("degraded", ["bots", "flusher", "postgres"])
    assert said["feed"] == {"last_ok": None, "age_ms": None}


def test_health_is_served_in_front_of_the_api(api: Api) -> None:
    assert api.get("/readyz").get_json()["status"] == "ready"
    assert api.get("/healthz").status_code == 200


def test_the_page_and_its_files_are_served_under_a_strict_policy(api: Api) -> None:
    index, script = api.get("/"), api.get("/web/app.js")

    policy = index.headers["Content-Security-Policy"]
    assert index.mimetype == "text/html"
    assert script.mimetype == "text/javascript"
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self' ws://127.0.0.1:8081;" in policy
    assert index.headers["X-Content-Type-Options"] == "nosniff"


def test_a_service_without_the_page_serves_none(api: Api) -> None:
    assert api.with_(web=False).get("/").status_code == 404


def test_what_is_ones_own_stays_out_of_caches_and_documents_load_nothing(ada: Trader) -> None:
    answer = ada.get("/v1/portfolio")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
