"""Candles over HTTP: what was asked for, oldest first, as charts read them."""

from __future__ import annotations

from urllib.parse import urlencode

import psycopg2
import pytest
from touchline.domain.candles import UNROLLED, CandleTick, candles, rolled
from touchline.domain.halts import OPEN
from touchline.domain.ids import InstrumentIdx
from touchline.domain.week_prices import week_closes
from touchline.store.candles import Candles, Roll
from touchline.store.fence import Fence

from tests.api.conftest import Api
from tests.fakes.failing import Away

ARS = InstrumentIdx(17)
NOON_MS = 1_785_585_600_000  # 2026-08-01T12:00:00Z


@pytest.fixture
def charted(api: Api) -> Api:
    """ARS rose by 1.0000 every twenty seconds from noon on, for four minutes; 0.250 each time."""
    ticks = [
        CandleTick(
            *(f"{NOON_MS + n * 20_000}-0", n + 1, 1_000_000, (n + 1) * 250),
            *(990_000, 1_010_000, 1_000_000, 1_000_000 + n * 10_000, OPEN),
        )
        for n in range(12)
    ]
    fence = Fence(api.pg, "candle-roller")
    fence.take()
    roll = Roll(UNROLLED, rolled(ticks), candles(ticks, UNROLLED), week_closes(ticks))
    Candles(api.pg).add({ARS: roll}, fence)
    return api


def times(api: Api, **wanted: str) -> list[str]:
    """The times of day of the candles, without the date."""
    answer = api.get(f"/v1/instruments/17/candles?{urlencode(wanted)}")
    assert answer.status_code == 200, answer.text
    return [row[0][11:19] for row in answer.get_json()["data"]]


def test_a_candle_is_time_open_high_low_close_and_volume(charted: Api) -> None:
    answer = charted.get("/v1/instruments/ARS/candles?interval=1m&limit=1")

    assert answer.get_json() == {
        "data": [
            [
                "2026-08-01T12:03:00.000Z",
                *("109.0000", "111.0000", "109.0000", "111.0000"),
                "0.750",
            ]
        ]
    }


def test_without_a_start_the_newest_come_else_the_first(charted: Api) -> None:
    assert times(charted) == ["12:00:00", "12:01:00", "12:02:00", "12:03:00"]
    assert times(charted, limit="2") == ["12:02:00", "12:03:00"]
    start = {"from": "2026-08-01T12:01:00Z"}
    assert times(charted, limit="2", **start) == ["12:01:00", "12:02:00"]
    assert times(charted, to="2026-08-01T14:02:00+02:00") == ["12:00:00", "12:01:00"]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("1s", ["12:03:20", "12:03:40"]),
        ("1m", ["12:02:00", "12:03:00"]),
        ("5m", ["12:00:00"]),
        ("1h", ["12:00:00"]),
        ("1d", ["00:00:00"]),
    ],
)
def test_every_interval_can_be_asked_for(charted: Api, interval: str, expected: list[str]) -> None:
    assert times(charted, interval=interval, limit="2") == expected


def test_a_club_that_never_ticked_has_no_candles(charted: Api) -> None:
    assert charted.get("/v1/instruments/18/candles").get_json() == {"data": []}


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ("interval=2m", "/interval"),
        ("limit=1001", "/limit"),
        ("limit=0", "/limit"),
        ("from=yesterday", "/from"),
        ("from=2026-08-01T12:00:00", "/from"),
        ("to=0001-01-01T00:00:00Z", "/to"),
        ("until=2026-08-01T12:00:00Z", "/until"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(charted: Api, asked: str, pointer: str) -> None:
    answer = charted.get(f"/v1/instruments/17/candles?{asked}")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]


def test_an_unknown_club_is_told_as_such(api: Api) -> None:
    answer = api.get("/v1/instruments/99/candles")

    assert (answer.status_code, answer.get_json()["code"]) == (404, "INSTRUMENT_UNKNOWN")


def test_without_postgres_there_are_none_for_now(api: Api) -> None:
    away = Away(api.deps.candles, psycopg2.OperationalError("away"))
    away.away = True

    answer = api.with_(candles=away).get("/v1/instruments/17/candles")

    assert (answer.status_code, answer.get_json()["code"]) == (503, "UNAVAILABLE")
