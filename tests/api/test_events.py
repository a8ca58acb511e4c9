"""`GET /v1/events`: what happened to an account, as its clients walk it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from touchline.protocol.journal import JournalPage
from touchline.store.drain import open_drain
from touchline.store.keys import Keys

from tests.api.conftest import Api, Trader


def drain(api: Api) -> None:
    open_drain(api.redis, Keys(), api.deps.scripts, api.pg).everything()


def events(trader: Trader, query: str = "") -> dict[str, Any]:
    answer = trader.get(f"/v1/events{query}")
    assert answer.status_code == 200, answer.get_json()
    msgspec.json.decode(answer.data, type=JournalPage)
    page: dict[str, Any] = answer.get_json()
    return page


def test_everything_that_happens_to_an_account_is_told_in_its_order(api: Api, ada: Trader) -> None:
    ada.order(quantity="3")
    position = ada.open().get_json()["position"]
    drain(api)
    ada.stops(position["version"], position["version"])  # a path that is none: changes nothing
    ada.margin(position["position_id"], "1.00")
    ada.close(position["position_id"])
    ada.order(side="sell", quantity="1")

    page = events(ada)

    assert [each["event"] for each in page["data"]] == [
        "wallet",
        "fill",
        "position_opened",
        "position_updated",
        "position_closed",
        "fill",
    ]
    assert page["last_id"] == page["data"][-1]["id"]
    assert not page["has_more"]


def test_data_is_that_of_the_answer_and_of_the_push(ada: Trader) -> None:
    fill = ada.order(quantity="3").get_json()
    opened = ada.open().get_json()

    _, first, second = events(ada)["data"]

    assert fill == first["data"] | {"durable": fill["durable"]}
    assert opened["event"] == second["data"]["event"]
    assert opened["position"] == second["data"]["position"]
    assert first["at"] == fill["executed_at"]


@pytest.mark.parametrize("drained", [True, False])
def test_a_walk_in_small_pages_meets_everything_once(api: Api, ada: Trader, drained: bool) -> None:
    for _ in range(4):
        ada.order()
    if drained:
        drain(api)
    whole = events(ada)["data"]

    walked: list[Any] = []
    page = events(ada, "?after=0&limit=2")
    while page["data"]:
        walked += page["data"]
        page = events(ada, f"?after={page['last_id']}&limit=2")

    assert walked == whole
    assert page["last_id"] == whole[-1]["id"]
    assert not page["has_more"]


def test_a_full_page_says_whether_more_follow(ada: Trader) -> None:
    ada.order()

    assert events(ada, "?after=0&limit=1")["has_more"]
    assert not events(ada, "?after=0&limit=2")["has_more"]


def test_nobody_is_told_of_others(api: Api, ada: Trader) -> None:
    bob = api.sign_in("bob@example.com")
    bob.order()
    drain(api)
    bob.order()

    assert [each["event"] for each in events(ada)["data"]] == ["wallet"]


def test_a_journal_needs_a_token_and_takes_nothing_else(api: Api, ada: Trader) -> None:
    assert api.get("/v1/events").status_code == 401
    for query in ("?after=-1", "?after=1e3", "?after=99999999999999999", "?limit=0", "?since=4"):
        assert ada.get(f"/v1/events{query}").status_code == 400, query
