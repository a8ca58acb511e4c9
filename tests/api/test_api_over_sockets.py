"""The whole way of an order: socket, server, API, executor, script, writer, Postgres."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import gevent
import pytest
import urllib3
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.listener import HttpListener
from touchline.actors.trading.executor import TradeExecutor
from touchline.actors.trading.writer import TradeWriter
from touchline.actors.tree import Tree
from touchline.http.api import create_app
from touchline.http.serve import ServerFactory
from touchline.store.keys import Keys
from touchline.store.sequence import FactSequence
from urllib3 import HTTPConnectionPool

from tests.api.conftest import Api, Trader


@pytest.fixture
def pool(api: Api) -> Iterator[HTTPConnectionPool]:
    """Connections to the API, served by a tree as the api-server has it."""
    addresses = Addresses()
    writer, executor = addresses.of("trade-writer"), addresses.of("trade-executor")
    sequence = FactSequence(api.redis, Keys())
    app = create_app(replace(api.deps, executor=executor))
    server = ServerFactory("127.0.0.1", 0, app)
    tree = Tree.start(
        [
            Child("trade-writer", lambda: TradeWriter(sequence, api.deps.ledger)),
            Child("trade-executor", lambda: TradeExecutor(api.deps.scripts, writer)),
            Child("http", lambda: HttpListener(server)),
        ],
        name="api-server",
        addresses=addresses,
    )
    with urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=50, retries=False) as http:
        yield http
    assert tree.stop(5).clean


def order(pool: HTTPConnectionPool, trader: Trader, key: str) -> urllib3.BaseHTTPResponse:
    body = json.dumps({"instrument": "ARS", "side": "buy", "quantity": "0.100"})
    headers = trader.auth | {"Idempotency-Key": key, "Content-Type": "application/json"}
    return pool.request("POST", "/v1/orders", body=body, headers=headers)


def test_an_order_is_in_postgres_when_it_is_answered(
    api: Api, ada: Trader, pool: HTTPConnectionPool
) -> None:
    answer = order(pool, ada, "one")

    assert (answer.status, answer.json()["durable"]) == (201, "postgres")
    assert api.deps.ledger.trade(ada.id, answer.json()["order_id"]) is not None


def test_fifty_requests_at_once_under_one_key_are_one_trade(
    api: Api, ada: Trader, pool: HTTPConnectionPool
) -> None:
    asking = [gevent.spawn(order, pool, ada, "same") for _ in range(50)]
    gevent.joinall(asking, timeout=10, raise_error=True)

    answers = [greenlet.value for greenlet in asking]
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert api.deps.ledger.count_trades() == 1


def test_answers_on_one_connection_do_not_wait_for_delayed_acknowledgements(
    ada: Trader, pool: HTTPConnectionPool
) -> None:
    order(pool, ada, "warm-up")
    began = time.monotonic()

    for number in range(10):
        order(pool, ada, f"key-{number}")

    # Each would take 40 ms more without TCP_NODELAY.
    assert time.monotonic() - began < 0.4
    assert pool.num_connections == 1


def test_a_body_that_is_too_large_is_refused_over_the_wire(
    ada: Trader, pool: HTTPConnectionPool
) -> None:
    headers = ada.auth | {"Idempotency-Key": "key", "Content-Type": "application/json"}

    answer = pool.request("POST", "/v1/orders", body=b" " * 70_000, headers=headers)

    assert (answer.status, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
