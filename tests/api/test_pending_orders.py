"""Orders in play over HTTP: 202, what became of them, and the list of all orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Indexed
from touchline.store.drain import open_drain
from touchline.store.keys import Keys
from touchline.store.release import Release

from tests.api.conftest import Api, Trader, line

DELAY_MS = 5_000
ARS = InstrumentIdx(17)


def feed(api: Api, **changes: Any) -> None:
    """What the feed says of Arsenal."""
    api.redis.set("lease:scheduler", "me")
    change = IndexChange(idx=ARS, now_ms=api.clock.calendar(), **changes)
    assert isinstance(api.deps.scripts.index_apply(change, "lease:scheduler", "me"), Indexed)


def release(api: Api) -> None:
    deps = api.deps
    release = Release(deps.orders, deps.hot, deps.scripts, deps.scanner)
    release.run(deps.calendar(), lambda: True)


def drain(api: Api) -> None:
    open_drain(api.redis, Keys(), api.deps.scripts, api.pg).everything()


@pytest.fixture
def ada(api: Api) -> Trader:
    """Ada, while Arsenal play and Liverpool do not."""
    playing = api.with_(inplay_delay_ms=DELAY_MS)
    feed(playing, phase=Phase.LIVE)
    return playing.sign_in()


def test_an_order_in_play_is_accepted_and_waits(ada: Trader) -> None:
    answer = ada.order(quantity="1.5", price_bound="101.00", client_order_id="mine")

    assert answer.status_code == 202
    order = answer.get_json()
    assert order.pop("order_id")
    assert order == {
        "kind": "trade",
        "status": "pending",
        "instrument": 17,
        "symbol": "ARS",
        "side": "buy",
        "quantity": "1.500",
        "notional": None,
        "price_bound": "101.0000",
        "reserved": "158.1425",
        "accepted_at": "2026-09-21T14:13:20.000Z",
        "release_at": "2026-09-21T14:13:25.000Z",
        "client_order_id": "mine",
        "durable": "postgres",
    }
    account = ada.get("/v1/account").get_json()
    assert [account[name] for name in ("cash", "reserved", "margin_available")] == [
        "10000.0000",
        "158.1425",
        "9841.8575",
    ]


def test_an_order_out_of_play_does_not_wait(ada: Trader) -> None:
    assert ada.order(instrument="LIV").status_code == 201


def test_a_repeated_order_has_the_same_answer_before_and_after_its_release(ada: Trader) -> None:
    first = ada.order(key="k")
    waiting = ada.order(key="k")
    ada.api.clock.advance(5)
    release(ada.api)
    done = ada.order(key="k")

    for again in (waiting, done):
        assert (again.status_code, again.get_json()) == (202, first.get_json())
        assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_durable_says_where_an_order_that_waits_is(ada: Trader) -> None:
    ada.api.executor.ledger_down = True

    first = ada.order(key="k").get_json()
    again = ada.order(key="k").get_json()
    drain(ada.api)
    later = ada.order(key="k").get_json()

    assert [each["durable"] for each in (first, again, later)] == ["redis", "redis", "postgres"]


def test_another_order_under_the_key_of_one_that_waits_is_refused(ada: Trader) -> None:
    ada.order(key="k")

    answer = ada.order(key="k", quantity="2")

    assert answer.get_json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_what_cannot_be_done_is_refused_before_it_waits(ada: Trader) -> None:
    refused = [
        ada.order(side="sell"),
        ada.order(quantity="12.501"),
        ada.order(price_bound="100.00"),
    ]

    assert [answer.get_json()["code"] for answer in refused] == [
        "INSUFFICIENT_SHARES",
        "QUANTITY_LIMIT_EXCEEDED",
        "PRICE_BOUND_EXCEEDED",
    ]


def test_the_fifty_first_order_that_would_wait_is_refused(ada: Trader) -> None:
    for _ in range(50):
        assert ada.order(quantity="0.001").status_code == 202

    answer = ada.order(quantity="0.001")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "TOO_MANY_PENDING_ORDERS")


@pytest.mark.parametrize("drained", [False, True])
def test_an_order_that_was_filled_shows_its_trade(ada: Trader, drained: bool) -> None:
    order = ada.order(notional="250").get_json()
    path = f"/v1/orders/{order['order_id']}"

    pending = ada.get(path).get_json()
    ada.api.clock.advance(5)
    release(ada.api)
    if drained:
        drain(ada.api)
    filled = ada.get(path).get_json()

    assert pending | {"durable": "postgres"} == order
    assert (filled["status"], filled["notional"]) == ("filled", "250.0000")
    assert filled["quantity"] == "2.489"
    assert filled["executed_at"] == filled["release_at"] == order["release_at"]
    assert ada.get("/v1/orders").get_json()["data"] == [filled]


@pytest.mark.parametrize("where", ["in redis", "in both", "in postgres"])
def test_an_order_that_was_rejected_says_why(ada: Trader, where: str) -> None:
    order = ada.order().get_json()
    feed(ada.api, halt=Halt.EVENT)
    ada.api.clock.advance(5)
    release(ada.api)
    if where != "in redis":
        drain(ada.api)
    if where == "in postgres":
        ada.api.redis.delete(f"order:{order['order_id']}")

    answer = ada.get(f"/v1/orders/{order['order_id']}").get_json()

    del order["durable"]
    assert answer == order | {
        "status": "rejected",
        "reserved": "0.0000",
        "rejected_at": order["release_at"],
        "problem": {"code": "MARKET_HALTED", "halt_reasons": ["EVENT"]},
    }
    assert ada.get("/v1/orders?status=rejected").get_json()["data"] == (
        [] if where == "in redis" else [answer]
    )


def test_orders_of_somebody_else_are_not_found(ada: Trader) -> None:
    bob = ada.api.sign_in("bob@example.com")
    order = ada.order().get_json()

    assert bob.get(f"/v1/orders/{order['order_id']}").status_code == 404
    assert bob.get("/v1/orders").get_json()["data"] == []


def place_of_each_kind(ada: Trader) -> list[str]:
    """Ids: one filled at once, rejected, filled later, filled at once; the last one waits."""
    ids = [ada.order(instrument="LIV").get_json()["order_id"]]
    ada.api.clock.advance(1)
    ids.append(ada.order().get_json()["order_id"])
    feed(ada.api, halt=Halt.EVENT)
    ada.api.clock.advance(5)
    release(ada.api)
    feed(ada.api, halt=Halt(0))
    ids.append(ada.order().get_json()["order_id"])
    ada.api.clock.advance(1)
    ids.append(ada.order(instrument="LIV").get_json()["order_id"])
    ada.api.clock.advance(4)
    release(ada.api)
    ids.append(ada.order().get_json()["order_id"])
    drain(ada.api)
    return ids


def test_all_orders_are_in_one_list_newest_first(ada: Trader) -> None:
    ids = place_of_each_kind(ada)

    listed = ada.get("/v1/orders").get_json()["data"]

    assert [order["order_id"] for order in listed] == ids[::-1]
    assert [order["status"] for order in listed] == [
        "pending",
        "filled",
        "filled",
        "rejected",
        "filled",
    ]


@pytest.mark.parametrize(
    ("status", "places"), [("pending", [4]), ("filled", [3, 2, 0]), ("rejected", [1])]
)
def test_the_list_can_be_of_one_status(ada: Trader, status: str, places: list[int]) -> None:
    ids = place_of_each_kind(ada)

    listed = ada.get(f"/v1/orders?status={status}").get_json()["data"]

    assert [order["order_id"] for order in listed] == [ids[place] for place in places]


def pages(get: Callable[[str], Any], path: str) -> list[list[str]]:
    found, cursor = [], ""
    while True:
        page = get(f"{path}{cursor}").get_json()
        found.append([order["order_id"] for order in page["data"]])
        if not page["has_more"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_the_list_comes_in_pages(ada: Trader) -> None:
    ids = place_of_each_kind(ada)[::-1]

    assert pages(ada.get, "/v1/orders?limit=2") == [ids[:2], ids[2:4], ids[4:]]


def test_a_cursor_is_good_for_its_own_list(ada: Trader) -> None:
    place_of_each_kind(ada)
    cursor = ada.get("/v1/orders?limit=2").get_json()["next_cursor"]

    answers = [
        ada.get(f"/v1/orders?limit=2&status=filled&cursor={cursor}"),
        ada.get(f"/v1/trades?limit=2&cursor={cursor}"),
        ada.api.sign_in("bob@example.com").get(f"/v1/orders?cursor={cursor}"),
    ]

    assert [answer.get_json()["code"] for answer in answers] == ["CURSOR_INVALID"] * 3


def test_a_list_knows_at_once_what_became_of_an_order(ada: Trader) -> None:
    order = ada.order().get_json()
    ada.api.clock.advance(5)
    release(ada.api)

    [listed] = ada.get("/v1/orders?status=pending").get_json()["data"]

    assert (listed["order_id"], listed["status"]) == (order["order_id"], "filled")
    assert listed["average_price"] == "100.3051"


def test_a_batch_says_of_each_order_whether_it_waits(ada: Trader) -> None:
    answer = ada.batch(
        line("a"), line("b", instrument="LIV"), line("c", side="sell"), line("d", notional="250")
    )

    assert [result["status"] for result in answer.get_json()["results"]] == [202, 201, 422, 202]
    again = ada.batch(line("a")).get_json()["results"][0]
    assert (again["status"], again["replayed"]) == (202, True)


def test_a_trader_knows_beforehand(ada: Trader) -> None:
    playing, idle = ada.get("/v1/instruments").get_json()["data"]
    alone = ada.get("/v1/instruments/ARS").get_json()
    quotes = [
        ada.get(f"/v1/instruments/{name}/quote?side=buy&quantity=1").get_json()["delay_ms"]
        for name in ("ARS", "LIV")
    ]

    assert playing == alone
    assert (playing["order_limit"], playing["order_delay_ms"]) == ("12.500", 5000)
    assert (idle["order_limit"], idle["order_delay_ms"]) == ("50.000", 0)
    assert quotes == [5000, 0]


def test_orders_that_wait_are_counted_as_such(ada: Trader) -> None:
    ada.order(key="k")
    ada.order(key="k")

    assert ada.api.deps.trades.results == {("pending", ""): 1, ("replayed", ""): 1}
