"""A Postgres that takes no writes, as a standby or one whose keeper has shut it, is waited out."""

from __future__ import annotations

import psycopg2

from .exchange import Exchange

SHUT_S = 6.0


def shut(exchange: Exchange, on: bool) -> None:
    """Have every connection from now on be *on* read only, or not, and end those there are."""
    connection = psycopg2.connect(
        exchange.servers.settings["DATABASE_URL"], options="-c default_transaction_read_only=off"
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone()
        change = f"ALTER DATABASE {name} SET default_transaction_read_only = {on}"
        cursor.execute(change)
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()


def test_a_postgres_that_is_read_only_for_a_while_is_waited_out(exchange: Exchange) -> None:
    with exchange.fault() as seen:
        shut(exchange, True)
        exchange.goes_on_for(SHUT_S)
        shut(exchange, False)
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()
