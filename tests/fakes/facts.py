"""Facts as the scripts write them, and the rows in Postgres that they refer to."""

import json
from collections.abc import Mapping

import redis
from touchline.domain.ids import uuid7
from touchline.store.entries import FACT, Entry, entries_in, oldest
from touchline.store.postgres import Postgres
from touchline.store.redis_client import raw_reply

AT_MS = 1_792_854_300_123  #: calendar time of every fact made here


def spelled(fields: Mapping[str, str]) -> dict[str, str]:
    """A fact as its entry in a stream."""
    return {FACT: json.dumps([text for pair in fields.items() for text in pair])}


def facts_in(client: redis.Redis, stream: str) -> list[Mapping[str, str]]:
    """All facts that wait in *stream*, oldest first."""
    return [entry.fields for entry in entries_in(raw_reply(client, *oldest(stream, 1_000_000)))]


def add_users(pg: Postgres, *users: int) -> None:
    """Rows of `users` with these very ids."""
    with pg.transaction() as cursor:
        for user in users:
            cursor.execute(
                "INSERT INTO users (id, email, display_name) OVERRIDING SYSTEM VALUE"
                " VALUES (%s, %s, %s)",
                (user, f"user{user}@example.org", f"User {user}"),
            )


def leave_ids_to(pg: Postgres, above: int) -> None:
    """Have the users whom Postgres numbers itself come after *above*."""
    with pg.transaction() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('users', 'id'), %s)", (above,))


def add_instruments(pg: Postgres, *indexes: int) -> None:
    """Rows of `instruments` as the feed makes them: version 0, base price 100.0000."""
    with pg.transaction() as cursor:
        for idx in indexes:
            cursor.execute(
                "INSERT INTO instruments (idx, symbol, name, base_px, index_px, depth, qcap,"
                " user_cap, half_spread_ppm, fee_ppm, order_max, max_leverage, mark_clamp_ppm)"
                " VALUES (%s, %s, %s, 1000000, 1000000, 10000000, 5000000,"
                " 200000, 1000, 1000, 50000, 10, 5000)",
                (idx, f"CLUB{idx}", f"Club {idx}"),
            )


def trade_entry(number: int, *, user: int = 1, idx: int = 7, **changes: str) -> Entry:
    """The fact of the user's *number*-th purchase of one share at 100.0000, without a fee."""
    fields = {
        "k": "trade",
        "id": uuid7(AT_MS),
        "uid": str(user),
        "idx": str(idx),
        "side": "buy",
        "qty": "1000",
        "px": "1000000",
        "val": "1000000",
        "fee": "0",
        "rpnl": "0",
        "seq": str(number),
        "tick": f"{AT_MS}-{number}",
        "idem": f"key-{number}",
        "fp": f"print-{number}",
        "coid": "",
        "at": str(AT_MS),
        "cash": str(100_000_000 - number * 1_000_000),
        "locked": "0",
        "wv": str(number + 1),
        "tcash": str(-100_000_000 + number * 1_000_000),
        "tv": str(number + 1),
        "turn": str(number + 1),
        "hqty": str(number * 1000),
        "hcost": str(number * 1_000_000),
        "hv": str(number),
        "q": str(number * 1000),
        "iv": str(number + 1),
    }
    return Entry(f"{AT_MS}-{number}", fields | changes)


def order_entry(number: int = 1, *, user: int = 1, idx: int = 7, **changes: str) -> Entry:
    """The fact of an order of the user that waits."""
    fields = {
        "k": "order",
        "id": uuid7(AT_MS),
        "uid": str(user),
        "idx": str(idx),
        "kind": "trade",
        "pay": '{"side":"buy","qty":1000,"notional_e4":null,"bound_px":null}',
        "idem": f"key-{number}",
        "fp": f"print-{number}",
        "coid": "",
        "at": str(AT_MS),
        "rel": str(AT_MS + 5_000),
        "st": "pending",
        "done": "",
        "code": "",
        "det": "",
        "rsv": "1054258",
    }
    return Entry(f"{AT_MS}-{number}", fields | changes)


#: What changes in such a fact when the order is filled, or rejected.
FILLED = {"st": "filled", "done": str(AT_MS + 5_000)}
REJECTED = {
    "st": "rejected",
    "done": str(AT_MS + 5_000),
    "code": "MARKET_HALTED",
    "det": '{"halt":4,"phase":"live"}',
}


def grant_entry(*, user: int = 1, **changes: str) -> Entry:
    """The fact of the user's start balance: 10,000.0000 out of the treasury."""
    fields = {
        "k": "grant",
        "id": uuid7(AT_MS),
        "uid": str(user),
        "kind": "grant",
        "amount": "100000000",
        "idem": f"welcome:{user}",
        "note": "start balance",
        "at": str(AT_MS),
        "cash": "100000000",
        "locked": "0",
        "wv": "1",
        "tcash": "-100000000",
        "tv": "1",
        "turn": "1",
    }
    return Entry(f"{AT_MS}-0", fields | changes)
