"""Puts back what Redis has lost: after a restart, a failover, or into an empty one.

A Redis that restarts calls itself by a new run id. While the id noted in
`meta:run_id` is the present one, nothing can be missing. Otherwise every state
is compared with the newest that Postgres knows, its row or the post-image of a
newer fact. What is behind is put back under a version of a new epoch, higher
than any ever given, so that no late write of the old life passes for newer;
what is not behind is left alone. Run it under `lease:rehydrate`
(`store/recovery.py`), over connections that no gate holds back.
Source: docs/decisions/0009.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis
import structlog

from ..domain.ids import TREASURY
from .candles import Candles
from .drain import open_drain
from .gate import note_run_id, unnoted_run_id
from .keys import Keys, State
from .lost import Lost, Restorer, chunks, lost
from .newest import Newest
from .postgres import Postgres
from .replays import go_on, restore_guards, restore_replays
from .reservations import Reservations
from .scripts import Scripts
from .stand_ins import StandIns
from .waiting import restore_orders

EPOCH_BITS = 32  #: a version is epoch * 2^32 + n
STATEMENT_TIMEOUT_MS = 600_000  #: whole tables are read
#: Tables written with what Redis has just answered: facts first, then results, then states.
WRITTEN_LATE = (
    *("trades", "wallet_ledger", "orders", "cfd_events", "trade_outbox", "position_outbox"),
    *("fixtures", "instruments", "wallets", "holdings", "cfd_positions"),
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rehydrated:
    """What was put back; *epoch* is None, and *replays* 0, if no state was missing."""

    epoch: int | None
    states: int
    replays: int
    guards: int
    orders: int  #: that waited, or were done and had been forgotten to be
    reservations: int  #: wallets that told wrongly what their users' waiting orders set aside
    ticks: int  #: that stand in for lost ones which open positions may have to be checked at


def rehydrate(
    client: redis.Redis, keys: Keys, pg: Postgres, may_go_on: Callable[[], None] = go_on
) -> Rehydrated | None:
    """Put back what is missing; None if this Redis has not restarted since the last time.

    Dying halfway is no harm: the run id is noted last, and a second run goes on.

    Args:
        may_go_on: called again and again between two steps; raises to end it there.
    """
    run_id = unnoted_run_id(client, keys)
    if run_id is None:
        return None
    rehydrated = _put_back(client, keys, pg, may_go_on)
    may_go_on()
    # The id it had when we began: if it has restarted meanwhile, the gate stays shut.
    note_run_id(client, keys, run_id)
    log.info("redis is complete again", **asdict(rehydrated))
    return rehydrated


def _put_back(
    client: redis.Redis, keys: Keys, pg: Postgres, may_go_on: Callable[[], None]
) -> Rehydrated:
    # Facts that survived in the stream join the ledger, so that it has all there are.
    drain = open_drain(client, keys, Scripts(client, keys), pg)
    while not drain.facts().complete:
        may_go_on()
    _wait_for_writers(pg)
    # Postgres before the hashes: one read later can only be newer than at that moment.
    newest = _newest(pg, _open_positions(client, keys))
    behind = list(lost(client, keys, newest, may_go_on))
    epoch, replays = None, 0
    if behind:
        # Replays before states. A script writes its state, fact and replay as one, and
        # Redis comes back with all it had up to some moment; so a state that is not
        # behind vouches for the replays. It does so after a run that died, too, because
        # no state is put back before the last replay is.
        replays = restore_replays(client, keys, pg, may_go_on)
        epoch = _next_epoch(pg, behind)
        _restore(client, keys, behind, epoch, may_go_on)
    if newest.instruments:
        client.sadd(keys.instruments, *newest.instruments)
    guards = restore_guards(client, keys, pg)
    # After the states: their restored numbers of pushes are only raised.
    orders = restore_orders(client, keys, pg, may_go_on)
    # What is set aside follows from the orders that wait, and from what has been carried out.
    reservations = Reservations(client, keys).restore(may_go_on)
    # At the end: what is open, and where it was checked last, is then known.
    ticks = StandIns(client, keys, Candles(pg)).restore(may_go_on)
    return Rehydrated(epoch, len(behind), replays, guards, orders, reservations, ticks)


def _wait_for_writers(pg: Postgres) -> None:
    """Return when whoever wrote to Postgres as Redis went has finished.

    A trade whose answer was the last thing Redis said may be on its way into the
    ledger at this moment; read before it arrives, its loss would not be seen.
    """
    for table in WRITTEN_LATE:
        # One at a time: waiting for one table with another one held could deadlock.
        with pg.transaction() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")


def _open_positions(client: redis.Redis, keys: Keys) -> list[str]:
    """What this Redis takes for open; Postgres may know of a close that it has lost."""
    found: Any = client.smembers(keys.instruments)
    with client.pipeline(transaction=False) as pipe:
        for idx in found:
            pipe.smembers(keys.open_by_club(idx))
        return [position for club in pipe.execute() for position in club]


def _newest(pg: Postgres, positions: Sequence[str]) -> Newest:
    newest = Newest(wanted=positions)
    with pg.transaction() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        newest.read(cursor)
    return newest


def _next_epoch(pg: Postgres, behind: Iterable[Lost]) -> int:
    """An epoch above all that were ever given, also if this database is younger than Redis."""
    highest = max(each.candidate.value.version for each in behind) >> EPOCH_BITS
    with pg.transaction() as cursor:
        cursor.execute(
            "SELECT setval('redis_epoch', greatest(nextval('redis_epoch'), %s))", (highest + 1,)
        )
        return int(cursor.fetchone()[0])


def _restore(
    client: redis.Redis,
    keys: Keys,
    behind: Iterable[Lost],
    epoch: int,
    may_go_on: Callable[[], None],
) -> None:
    version = epoch << EPOCH_BITS
    restorer = Restorer(client, keys, version)
    for chunk in chunks(behind):
        may_go_on()
        # Only of what we did put back: a rival's numbers may be higher than ours.
        _restart_pushes(client, keys, restorer.restore(chunk), version)


def _restart_pushes(client: redis.Redis, keys: Keys, back: Iterable[Lost], seq: int) -> None:
    """Number the pushes of users whose wallet was behind from far above what they may have seen."""
    users = [
        int(each.candidate.member)
        for each in back
        if each.candidate.state is State.WALLETS and each.candidate.member != str(TREASURY)
    ]
    if users:
        client.mset({keys.pfseq(user): str(seq) for user in users})
