"""A fact that Postgres refuses, in a running exchange: it waits aside, and holds up nobody."""

from __future__ import annotations

import psycopg2

from .exchange import Exchange
from .person import Person

KEY = "refused-for-now"
REFUSE = f"ALTER TABLE trades ADD CONSTRAINT for_now CHECK (idem_key <> '{KEY}')"
PARKED = "SELECT count(*) FROM trade_outbox"
DRAINER = "trade-outbox-drainer"


def rows(exchange: Exchange, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(exchange.servers.settings["DATABASE_URL"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def complaints(exchange: Exchange) -> set[str]:
    """What the drainers of all replicas complain of."""
    found = (service.detail(DRAINER).get("ailing", "") for service in exchange.services.values())
    return {each for each in found if each}


def test_a_fact_that_postgres_refuses_is_parked_seen_and_inserted_once_it_fits(
    exchange: Exchange,
) -> None:
    trader = Person("fred", exchange.services["api-server"].url)
    body = {"instrument": exchange.clients[0].club, "side": "buy", "quantity": "0.010"}
    rows(exchange, REFUSE)
    said = trader.ask("POST", "/v1/orders", body, Idempotency_Key=KEY)
    exchange.wait(lambda: complaints(exchange))
    parked = rows(exchange, PARKED)
    later = [client.order()["durable"] for client in exchange.clients]
    why = complaints(exchange)

    rows(exchange, "ALTER TABLE trades DROP CONSTRAINT for_now")
    exchange.wait(lambda: rows(exchange, PARKED) == [(0,)])
    exchange.wait(lambda: not complaints(exchange))
    exchange.recovers()

    assert (said.status, said.body["durable"]) == (201, "postgres")
    assert parked == [(1,)]
    assert set(later) == {"postgres"}
    assert why == {"facts that Postgres refuses: 1"}
    written = rows(exchange, f"SELECT id::text FROM trades WHERE idem_key = '{KEY}'")
    assert written == [(said.body["order_id"],)]
    exchange.has_every_trade_once()
