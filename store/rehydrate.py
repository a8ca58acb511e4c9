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

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import TypeVar

import redis
import structlog

from ..domain.ids import TREASURY, InstrumentIdx
from ..domain.instrument import Instrument
from ..domain.portfolio import Holding, Wallet
from .drain import open_drain
from .gate import note_run_id, unnoted_run_id
from .hashes import holding_hash, instrument_hash, wallet_hash
from .keys import Keys, State
from .lua import Call, LuaScript
from .newest import Newest
from .postgres import Postgres
from .replays import go_on, restore_guards, restore_replays
from .scripts import Scripts
from .waiting import restore_orders

CHUNK = 500  #: states in one round trip
EPOCH_BITS = 32  #: a version is epoch * 2^32 + n
STATEMENT_TIMEOUT_MS = 600_000  #: whole tables are read
#: Tables written with what Redis has just answered: facts first, then results, then states.
WRITTEN_LATE = (
    *("trades", "wallet_ledger", "orders", "trade_outbox", "fixtures"),
    *("instruments", "wallets", "holdings"),
)

log = structlog.get_logger(__name__)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Rehydrated:
    """What was put back; *epoch* is None, and *replays* 0, if no state was missing."""

    epoch: int | None
    states: int
    replays: int
    guards: int
    orders: int  #: that waited, or were done and had been forgotten to be


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One state as Postgres knows it."""

    state: State
    member: str
    value: Instrument | Wallet | Holding

    def hash_at(self, version: int) -> dict[str, str]:
        match self.value:
            case Instrument() as instrument:
                return instrument_hash(replace(instrument, version=version))
            case Wallet() as wallet:
                return wallet_hash(replace(wallet, version=version))
            case Holding() as holding:
                idx = InstrumentIdx(int(self.member.partition(":")[2]))
                return holding_hash(idx, replace(holding, version=version))


@dataclass(frozen=True, slots=True)
class _Lost:
    candidate: _Candidate
    #: The version in Redis; None if there is no hash.
    found: str | None


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
    # Postgres first: a hash read later can only be newer than at that moment.
    newest = _newest(pg)
    lost = list(_lost(client, keys, newest, may_go_on))
    epoch, replays = None, 0
    if lost:
        # Replays before states. A script writes its state, fact and replay as one, and
        # Redis comes back with all it had up to some moment; so a state that is not
        # behind vouches for the replays. It does so after a run that died, too, because
        # no state is put back before the last replay is.
        replays = restore_replays(client, keys, pg, may_go_on)
        epoch = _next_epoch(pg, lost)
        _restore(client, keys, lost, epoch, may_go_on)
    if newest.instruments:
        client.sadd(keys.instruments, *newest.instruments)
    guards = restore_guards(client, keys, pg)
    # After the states: their restored numbers of pushes are only raised.
    orders = restore_orders(client, keys, pg, may_go_on)
    return Rehydrated(epoch, len(lost), replays, guards, orders)


def _wait_for_writers(pg: Postgres) -> None:
    """Return when whoever wrote to Postgres as Redis went has finished.

    A trade whose answer was the last thing Redis said may be on its way into the
    ledger at this moment; read before it arrives, its loss would not be seen.
    """
    for table in WRITTEN_LATE:
        # One at a time: waiting for one table with another one held could deadlock.
        with pg.transaction() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")


def _newest(pg: Postgres) -> Newest:
    newest = Newest()
    with pg.transaction() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        newest.read(cursor)
    return newest


def _candidates(newest: Newest) -> Iterator[_Candidate]:
    for idx, instrument in newest.instruments.items():
        yield _Candidate(State.INSTRUMENTS, str(idx), instrument)
    for user, wallet in newest.wallets.items():
        yield _Candidate(State.WALLETS, str(user), wallet)
    for (user, idx), holding in newest.holdings.items():
        yield _Candidate(State.HOLDINGS, f"{user}:{idx}", holding)


def _lost(
    client: redis.Redis, keys: Keys, newest: Newest, may_go_on: Callable[[], None]
) -> Iterator[_Lost]:
    """States that Redis lacks, or has in an older version than Postgres knows."""
    for chunk in _chunks(_candidates(newest)):
        may_go_on()
        with client.pipeline(transaction=False) as pipe:
            for each in chunk:
                pipe.hget(*keys.versioned(each.state, each.member))
            replies: list[str | None] = pipe.execute()
        for each, found in zip(chunk, replies, strict=True):
            if found is None or int(found) < each.value.version:
                yield _Lost(each, found)


def _next_epoch(pg: Postgres, lost: Iterable[_Lost]) -> int:
    """An epoch above all that were ever given, also if this database is younger than Redis."""
    highest = max(each.candidate.value.version for each in lost) >> EPOCH_BITS
    with pg.transaction() as cursor:
        cursor.execute(
            "SELECT setval('redis_epoch', greatest(nextval('redis_epoch'), %s))", (highest + 1,)
        )
        return int(cursor.fetchone()[0])


def _restore(
    client: redis.Redis,
    keys: Keys,
    lost: Iterable[_Lost],
    epoch: int,
    may_go_on: Callable[[], None],
) -> None:
    version = epoch << EPOCH_BITS
    script = LuaScript("state_restore")
    for chunk in _chunks(lost):
        may_go_on()
        put = script.run_all(client, [_restore_call(keys, each, version) for each in chunk])
        # Only of what we did put back: a rival's numbers may be higher than ours.
        back = [each for each, done in zip(chunk, put, strict=True) if done]
        _restart_pushes(client, keys, back, version)


def _restore_call(keys: Keys, lost: _Lost, version: int) -> Call:
    state, member = lost.candidate.state, lost.candidate.member
    key, version_field = keys.versioned(state, member)
    fields: Mapping[str, str] = lost.candidate.hash_at(version)
    flat = [text for pair in fields.items() for text in pair]
    return [key, keys.dirty(state)], [member, version_field, lost.found or "0", *flat]


def _restart_pushes(client: redis.Redis, keys: Keys, lost: Iterable[_Lost], seq: int) -> None:
    """Number the pushes of users whose wallet was behind from far above what they may have seen."""
    users = [
        int(each.candidate.member)
        for each in lost
        if each.candidate.state is State.WALLETS and each.candidate.member != str(TREASURY)
    ]
    if users:
        client.mset({keys.pfseq(user): str(seq) for user in users})


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while chunk := list(islice(left, CHUNK)):
        yield chunk
