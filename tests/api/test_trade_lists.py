"""The caller's trades: between two instants, and as CSV."""

from __future__ import annotations

import csv
import io
import string
from typing import Any

import msgspec
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.clock import rfc3339
from touchline.http.spreadsheet import csv_answer
from touchline.protocol.pages import Page
from touchline.protocol.shapes import FillMade
from touchline.store.drain import open_drain
from touchline.store.keys import Keys

from tests.api.conftest import Api, Trader


def drain(api: Api) -> None:
    open_drain(api.redis, Keys(), api.deps.scripts, api.pg).everything()


def trades(trader: Trader, query: str = "") -> list[dict[str, Any]]:
    answer = trader.get(f"/v1/trades{query}")
    assert answer.status_code == 200, answer.get_json()
    msgspec.json.decode(answer.data, type=Page[FillMade])
    rows: list[dict[str, Any]] = answer.get_json()["data"]
    return rows


def sheet(trader: Trader, query: str = "") -> tuple[list[dict[str, str]], Any]:
    answer = trader.get(f"/v1/trades{query}", Accept="text/csv")
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True)))), answer.headers


@pytest.fixture
def busy(api: Api, ada: Trader) -> Trader:
    """Ada with four trades, a second of the calendar between any two."""
    for number, side in enumerate(("buy", "buy", "sell", "buy")):
        ada.order(side=side, client_order_id=f"-sum-{number}")
        api.clock.advance(1)
    drain(api)
    return ada


def test_trades_between_two_instants(busy: Trader) -> None:
    whole = trades(busy)
    first, last = whole[2]["executed_at"], whole[0]["executed_at"]

    assert trades(busy, f"?from={first}&to={last}") == whole[1:3]
    assert trades(busy, f"?from={last}") == whole[:1]
    assert trades(busy, f"?to={first}") == whole[3:]
    assert trades(busy, f"?from={last}&to={first}") == []


def test_pages_keep_to_the_instants(busy: Trader) -> None:
    whole = trades(busy)
    since = f"?from={whole[2]['executed_at']}&limit=2"
    page = busy.get(f"/v1/trades{since}").get_json()

    rest = busy.get(f"/v1/trades{since}&cursor={page['next_cursor']}").get_json()

    assert page["data"] + rest["data"] == whole[:3]
    assert not rest["has_more"]


@pytest.mark.parametrize("query", ["from=2026", "to=yesterday", "from=2026-08-01", "limit=201"])
def test_what_is_no_instant_is_refused(ada: Trader, query: str) -> None:
    answer = ada.get(f"/v1/trades?{query}")

    assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION")


def test_trades_come_as_csv_for_who_wants_it(busy: Trader) -> None:
    rows, headers = sheet(busy)

    assert [row["order_id"] for row in rows] == [each["order_id"] for each in trades(busy)]
    assert list(rows[0]) == [each.name for each in msgspec.structs.fields(FillMade)]
    assert headers["Content-Disposition"] == 'attachment; filename="trades.csv"'
    assert headers["Vary"] == "Accept"
    assert "Link" not in headers


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html,*/*;q=0.8", "application/json"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("image/png", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
    ],
)
def test_what_is_accepted_decides(ada: Trader, accept: str, kind: str) -> None:
    assert ada.get("/v1/trades", Accept=accept).mimetype == kind


def test_longer_lists_of_csv_say_where_they_go_on(busy: Trader) -> None:
    whole, _ = sheet(busy)
    rows, headers = sheet(busy, "?limit=3&instrument=ARS")

    link, _, relation = headers["Link"].partition("; ")
    more, last = sheet(busy, link.strip("<>").removeprefix("/v1/trades"))

    assert relation == 'rel="next"'
    assert rows + more == whole
    assert "Link" not in last


def test_a_spreadsheet_carries_nothing_out(busy: Trader) -> None:
    rows, _ = sheet(busy)

    assert [row["client_order_id"] for row in rows] == [f"'-sum-{n}" for n in (3, 2, 1, 0)]
    assert any(row["realized_pnl"].startswith("-") for row in rows)


@given(st.dictionaries(st.sampled_from("abc"), st.text(string.printable), min_size=3))
def test_no_cell_is_a_formula_and_all_are_read_back(row: dict[str, str]) -> None:
    with Flask(__name__).test_request_context():
        text = csv_answer("x.csv", "abc", [row], None).get_data(as_text=True)

    _, read = csv.reader(io.StringIO(text, newline=""))
    for cell, value in zip(read, (row[name] for name in "abc"), strict=True):
        assert cell in {value, f"'{value}"}
        number = cell.removeprefix("-").replace(".", "", 1).isdigit()
        assert number or cell[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}


def test_instants_of_the_list_can_be_asked_for(api: Api, busy: Trader) -> None:
    assert trades(busy, f"?from={rfc3339(api.clock.calendar())}") == []
