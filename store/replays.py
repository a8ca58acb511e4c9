"""What scripts remember to do nothing twice: idempotency keys, order ids, settled matches.

After a loss of Redis it is read back from the ledger, so that the retry of an
order that was carried out before the loss is still answered with its result.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice

import redis

from . import wire
from .anyway import Write, hset, write_anyway
from .facts import EVENT, GRANT, TRADE
from .keys import Keys
from .postgres import Postgres

REPLAY_S = 86_400  #: a trade's keys are remembered for a day of real time
GUARD_S = 2_592_000  #: a settled match for 30 days, as by lua/fixture_settle.lua
CHUNK = 1000  #: facts in one round trip
STATEMENT_TIMEOUT_MS = 600_000  #: a day of trades, and all grants there are, are searched for

#: And those, however old, by which a waiting order was carried out: not twice.
_RECENT = (
    "WHERE (recorded_at > now() - INTERVAL '24 hours'"
    " OR id IN (SELECT id FROM orders WHERE status = 'pending'))"
)


def go_on() -> None:
    """The `may_go_on` of whoever need not be stopped."""


def restore_replays(
    client: redis.Redis, keys: Keys, pg: Postgres, may_go_on: Callable[[], None] = go_on
) -> int:
    """Remember all grants there ever were, and what else had a key within a day; how many."""
    restored, entries = 0, _entries(pg)
    while chunk := list(islice(entries, CHUNK)):
        may_go_on()
        write_anyway(client, chain.from_iterable(_remembered(keys, entry) for entry in chunk))
        restored += len(chunk)
    return restored


def restore_guards(client: redis.Redis, keys: Keys, pg: Postgres) -> int:
    """Remember which matches are settled; how many."""
    with pg.transaction() as cursor:
        cursor.execute("SELECT id FROM fixtures WHERE settled_at IS NOT NULL")
        settled = [fixture for (fixture,) in cursor.fetchall()]
    kept = ("NX", "EX", str(GUARD_S))  # one that is there knows what the match has left
    write_anyway(client, [("SET", keys.settled(fixture), "1", *kept) for fixture in settled])
    return len(settled)


def _entries(pg: Postgres) -> Iterator[dict[str, str]]:
    """Facts of the ledger, the parked ones too, with the fields of their stream entries."""
    trades, grants = f"{TRADE.select()} {_RECENT}", f"{GRANT.select()} WHERE idem_key IS NOT NULL"
    events = f"{EVENT.select()} {_RECENT} AND idem_key IS NOT NULL"
    queries = (("trade", TRADE, trades), ("grant", GRANT, grants), ("", EVENT, events))
    for kind, fact, query in queries:
        with pg.transaction() as cursor, cursor.connection.cursor("replays") as stream:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            stream.execute(query)
            yield from ({"k": kind, **fact.fields(row)} for row in stream)
    with pg.transaction() as cursor:
        cursor.execute(
            "SELECT payload FROM trade_outbox"
            " WHERE payload->>'k' IN ('trade', 'grant') AND NOT malformed UNION ALL"
            " SELECT payload FROM position_outbox WHERE payload->>'idem' <> '' AND NOT malformed"
        )
        # As a script or a person has spelled it: what may be empty may be missing.
        yield from ({"coid": "", "idem": "", **payload} for (payload,) in cursor.fetchall())


def _remembered(keys: Keys, entry: dict[str, str]) -> Iterator[Write]:
    if entry["k"] != "grant":
        return remembered(keys, entry, wire.idem_hash(entry["fp"], entry))
    if not entry["idem"]:
        return iter(())
    fingerprint = wire.grant_fingerprint(entry["kind"], int(entry["amount"]))
    key = keys.idem(int(entry["uid"]), entry["idem"])
    return iter([hset(key, wire.idem_hash(fingerprint, entry))])  # for ever


def remembered(keys: Keys, entry: dict[str, str], replay: dict[str, str]) -> Iterator[Write]:
    """What keeps *entry* from being made again for a day: its key, with *replay*, and its id."""
    user = int(entry["uid"])
    key = keys.idem(user, entry["idem"])
    yield hset(key, replay)
    yield ("EXPIRE", key, str(REPLAY_S))
    if entry["coid"]:
        yield ("SET", keys.coid(user, entry["coid"]), entry["id"], "EX", str(REPLAY_S))
