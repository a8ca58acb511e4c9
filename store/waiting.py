"""Orders that wait, put back where Redis has lost them or believes them to wait still.

To file an order changes no balance, so no state that is behind tells of it: every order that
Postgres has pending, or heard of within the last day, is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import redis

from ..domain.ids import TREASURY
from . import wire
from .anyway import Write, write_anyway
from .facts import ORDER
from .keys import Keys
from .lua import Call, LuaScript
from .postgres import Postgres
from .replays import remembered

CHUNK = 500  #: orders in one round trip
STATEMENT_TIMEOUT_MS = 600_000  #: a day of orders is searched for
PUSHES_AHEAD = 1 << 32  #: beyond any number of a push that a user may have seen
#: As it was when it was filed: what a repeated request is answered with.
_FILED = {"st": "pending", "done": "", "code": "", "det": ""}

_RESTORE = LuaScript("order_restore")
_WANTED = "WHERE status = 'pending' OR recorded_at > now() - INTERVAL '24 hours'"


def restore_orders(
    client: redis.Redis, keys: Keys, pg: Postgres, life: int, may_go_on: Callable[[], None]
) -> int:
    """Put back every order that Redis has lost or not heard the end of, in *life*; how many."""
    restored = 0
    entries = _entries(pg)
    while chunk := list(islice(entries, CHUNK)):
        may_go_on()
        with client.pipeline(transaction=False) as pipe:
            for entry in chunk:
                pipe.hget(keys.order(entry["id"]), "st")
            found = pipe.execute()
        write_anyway(client, (write for entry in chunk for write in _replay(keys, entry)))
        told = zip(chunk, found, strict=True)
        calls = [_call(keys, life, *each) for each in told if _news(*each)]
        restored += sum(_RESTORE.run_all(client, calls))
    return restored


def _entries(pg: Postgres) -> Iterator[dict[str, str]]:
    """Every order with the fields of its fact, as done as is known; parked facts count."""
    with pg.transaction() as cursor:
        # Done behind pending, so that it is what stays.
        cursor.execute(
            "SELECT payload FROM trade_outbox WHERE payload->>'k' = 'order' AND NOT malformed"
            " ORDER BY payload->>'st' = 'pending' DESC"
        )
        parked: dict[str, dict[str, str]] = {row["id"]: row for (row,) in cursor.fetchall()}
    with pg.transaction() as cursor, cursor.connection.cursor("orders") as stream:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        stream.execute(f"{ORDER.select()} {_WANTED}")
        for row in stream:
            entry = {"k": "order", **ORDER.fields(row)}
            known = parked.pop(entry["id"], entry)
            yield known if entry["st"] == "pending" else entry
    yield from parked.values()


def _replay(keys: Keys, entry: dict[str, str]) -> Iterator[Write]:
    """What remembers that the order was filed, under its client's key."""
    return remembered(keys, entry, wire.idem_hash(entry["fp"], entry | _FILED))


def _news(entry: dict[str, str], found: str | None) -> bool:
    """Whether Redis, where the order's status was *found*, is to be told of it."""
    return found is None if entry["st"] == "pending" else found == "pending"


def _call(keys: Keys, life: int, entry: dict[str, str], found: str | None) -> Call:
    user, order_id = int(entry["uid"]), entry["id"]
    names = [
        keys.order(order_id),
        keys.pending_orders,
        keys.pending_of(user),
        keys.pfseq(user),
        keys.wallet(TREASURY),
    ]
    waits = entry["st"] == "pending"
    fields = [text for pair in entry.items() for text in pair] if waits else []
    return names, [order_id, found or "", entry["rel"], str(PUSHES_AHEAD), str(life), *fields]
