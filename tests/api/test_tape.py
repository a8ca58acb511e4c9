"""The public tape: every trade in an instrument, and nothing of who made it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from touchline.protocol.market import Printed
from touchline.protocol.pages import Page
from touchline.store.drain import open_drain
from touchline.store.keys import Keys

from tests.api.conftest import Api, Trader


def drain(api: Api) -> None:
    open_drain(api.redis, Keys(), api.deps.scripts, api.pg).everything()


def tape(api: Api, query: str = "", name: str = "ARS") -> dict[str, Any]:
    answer = api.get(f"/v1/instruments/{name}/trades{query}")
    assert answer.status_code == 200, answer.get_json()
    msgspec.json.decode(answer.data, type=Page[Printed])
    page: dict[str, Any] = answer.get_json()
    return page


@pytest.fixture
def traded(api: Api, ada: Trader) -> Api:
    """Ada and Bob have bought and sold shares and positions of Arsenal, and one of Liverpool."""
    bob = api.sign_in("bob@example.com")
    ada.order(quantity="3", client_order_id="mine")
    bob.order(instrument=18)
    long = ada.open(side="long").get_json()["position"]["position_id"]
    short = bob.open(side="short", quantity="2").get_json()["position"]["position_id"]
    ada.margin(long, "5.00")
    ada.close(long)
    bob.close(short)
    ada.order(side="sell", quantity="1")
    drain(api)
    return api


def test_the_tape_has_every_trade_the_newest_first(traded: Api) -> None:
    rows = tape(traded)["data"]

    assert [(row["kind"], row["side"], row["quantity"]) for row in rows] == [
        ("spot", "sell", "1.000"),
        ("cfd", "buy", "2.000"),
        ("cfd", "sell", "10.000"),
        ("cfd", "sell", "2.000"),
        ("cfd", "buy", "10.000"),
        ("spot", "buy", "3.000"),
    ]
    assert [row["seq"] for row in rows] == sorted((row["seq"] for row in rows), reverse=True)
    assert len(tape(traded, name="LIV")["data"]) == 1


def test_the_tape_says_nothing_of_who_traded(traded: Api) -> None:
    shown = set(tape(traded)["data"][0])

    assert shown == {*Printed.__struct_fields__}
    assert not {"user_id", "order_id", "client_order_id", "position_id"} & shown


def test_a_trade_on_the_tape_is_the_one_of_its_tick(traded: Api) -> None:
    row = tape(traded)["data"][-1]
    ticks = traded.get("/v1/instruments/ARS/ticks").get_json()["data"]

    assert [tick["ts"] for tick in ticks if tick["tick"] == row["tick"]] == [row["executed_at"]]


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
def test_the_tape_comes_in_pages(traded: Api, limit: int) -> None:
    page = tape(traded, f"?limit={limit}")
    rows = page["data"]
    while page["has_more"]:
        page = tape(traded, f"?limit={limit}&cursor={page['next_cursor']}")
        rows += page["data"]

    assert rows == tape(traded)["data"]
    assert page["next_cursor"] is None


def test_a_cursor_of_one_instrument_is_none_of_another(traded: Api) -> None:
    cursor = tape(traded, "?limit=1")["next_cursor"]

    answer = traded.get(f"/v1/instruments/LIV/trades?cursor={cursor}")

    assert answer.get_json()["code"] == "CURSOR_INVALID"


def test_what_cannot_be_asked_of_the_tape_is_refused(api: Api) -> None:
    assert api.get("/v1/instruments/XYZ/trades").status_code == 404
    for query in ("limit=0", "limit=201", "after=3", "cursor=x"):
        assert api.get(f"/v1/instruments/ARS/trades?{query}").status_code == 400, query
