"""Puts back what Redis has lost: after a restart, a failover, or into an empty one.

A Redis that restarts calls itself by a new run id. While the id noted in
`meta:run_id` is the present one, nothing can be missing. Otherwise a new life of
it begins, in which nobody writes any more what was read in the old one; then every
state is compared with the newest that Postgres knows, its row or the post-image of
a newer fact. What is behind is put back under a version of the new epoch, higher
than any ever given; what is not behind is left alone. Run it under `lease:rehydrate`
(`store/recovery.py`), over connections that no gate holds back.
Source: docs/decisions/0009.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis
import structlog

from ..domain.ids import TREASURY
from .anyway import write_anyway
from .candles import Candles
from .drain import open_drain
from .gate import Rehydrating, forget_run_id, note_run_id, unnoted_run_id
from .keys import PUT_BACK, Keys, State
from .left_behind import empty_if_left_behind
from .life import (
    EPOCH_BITS,
    begin_life,
    complete_life,
    life_in_postgres,
    life_of,
    life_of_redis,
    note_complete,
)
from .lost import Lost, Restorer, chunks, lost, still_lost
from .lua import LuaScript
from .newest import Newest
from .postgres import Postgres
from .replays import go_on, restore_guards, restore_replays
from .reservations import Reservations
from .revocations import restore_revocations
from .rules import restore_rules
from .scripts import Scripts
from .stand_ins import StandIns
from .waiting import restore_orders

#: Tries to have the treasury count on; whose connection is still open may trade meanwhile.
ENTRIES = 100
RIVAL = "another process has put back what was so before"
STATEMENT_TIMEOUT_MS = 600_000  #: whole tables are read

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rehydrated:
    """What was put back under *epoch*; *replays* is 0 if no state was missing."""

    epoch: int
    states: int
    replays: int
    guards: int
    orders: int  #: that waited, or were done and had been forgotten to be
    reservations: int  #: wallets that told wrongly what their users' waiting orders set aside
    ticks: int  #: that stand in for lost ones which open positions may have to be checked at
    rules: int  #: of operators, about single instruments; the market's mode is always put back


def rehydrate(
    client: redis.Redis, keys: Keys, pg: Postgres, may_go_on: Callable[[], None] = go_on
) -> Rehydrated | None:
    """Put back what is missing; None if that is not due.

    Dying halfway is no harm: the run id is noted last, and a second run goes on.

    Args:
        may_go_on: called again and again between two steps; raises to end it there.
    """
    run_id = unnoted_run_id(client, keys)
    if run_id is None:
        return None
    try:
        rehydrated = _put_back(client, keys, pg, may_go_on)
        may_go_on()
        if unnoted_run_id(client, keys) != run_id:
            raise Rehydrating("Redis has restarted once more")
    except Rehydrating:
        # Whoever has noted it meanwhile may have done so in a life that ours has ended.
        forget_run_id(client, keys)
        raise
    note_complete(pg, rehydrated.epoch)
    # The id it had when we began: if it has restarted meanwhile, the gate stays shut.
    opened = note_run_id(client, keys, run_id, rehydrated.epoch)
    if not (opened and life_in_postgres(pg) == rehydrated.epoch == life_of_redis(client, keys)):
        # Somebody else began to put it back as well, and nobody may write in the life it is in; or
        # somebody has emptied it since we asked whether we may go on.
        forget_run_id(client, keys)
        raise Rehydrating("another process puts Redis back as well, or it is empty again")
    log.info("redis is complete again", **asdict(rehydrated))
    return rehydrated


def _put_back(
    client: redis.Redis, keys: Keys, pg: Postgres, may_go_on: Callable[[], None]
) -> Rehydrated:
    # A rival may have noted it just now; the life that begins here ends the rival's.
    forget_run_id(client, keys)
    # Who listens on a connection that no restart has ended hears it before anything of that life.
    client.publish(PUT_BACK, "")
    empty_if_left_behind(client, keys, pg, may_go_on)
    broken_off = life_in_postgres(pg) > complete_life(pg)
    life = _begin(client, keys, pg)
    # Facts that survived in the stream join the ledger, so that it has all there are.
    _drain_facts(client, keys, pg, life, may_go_on)
    # Postgres before the hashes: one read later can only be newer than at that moment.
    wanted = _open_positions(client, keys)
    newest = _newest(pg, wanted)
    behind = list(lost(client, keys, newest, may_go_on))
    replays = 0
    if behind or broken_off:
        # Replays before states. A script writes its state, fact and replay as one, and
        # Redis comes back with all it had up to some moment; so a state that is not
        # behind vouches for the replays. Not so one that was put back by who did not get to
        # the end: Redis may have restarted between its replays and its states.
        replays = restore_replays(client, keys, pg, may_go_on)
    if behind:
        highest = life_of(max(each.candidate.value.version for each in behind))
        if highest >= life:  # this database is younger than what is in it
            life = begin_life(pg, above=highest)
        _restore(client, keys, behind, life, may_go_on)
    treasury = newest.wallets.get(TREASURY)
    _enter(client, keys, life, treasury.version if treasury else 0)
    # Whose connection was still open may have made some until now; none of an earlier life is left.
    _drain_facts(client, keys, pg, life, may_go_on)
    write_anyway(client, [("SADD", keys.instruments, str(idx)) for idx in newest.instruments])
    _check_open(newest, set(_open_positions(client, keys)) - set(wanted))
    guards = restore_guards(client, keys, pg)
    # After the states: their restored numbers of pushes are only raised.
    orders = restore_orders(client, keys, pg, life, may_go_on)
    # What is set aside follows from the orders that wait, and from what has been carried out.
    reservations = Reservations(client, keys).restore(may_go_on)
    # At the end: what is open, and where it was checked last, is then known.
    ticks = StandIns(client, keys, Candles(pg)).restore(may_go_on)
    restore_revocations(client, keys, pg)
    rules = restore_rules(client, keys, pg)
    return Rehydrated(life, len(behind), replays, guards, orders, reservations, ticks, rules)


def _begin(client: redis.Redis, keys: Keys, pg: Postgres) -> int:
    life = begin_life(pg, above=life_of_redis(client, keys))
    # Once more: a rival may have noted it since, and have seen no later life than its own. Breaking
    # off now would leave the gate open to a life in which Postgres lets nobody write.
    forget_run_id(client, keys)
    return life


def _drain_facts(
    client: redis.Redis, keys: Keys, pg: Postgres, life: int, may_go_on: Callable[[], None]
) -> None:
    drain = open_drain(client, keys, Scripts(client, keys), pg)
    while not drain.facts(life).complete:
        may_go_on()


def _open_positions(client: redis.Redis, keys: Keys) -> list[str]:
    """What this Redis takes for open; Postgres may know of a close that it has lost."""
    found: Any = client.smembers(keys.instruments)
    with client.pipeline(transaction=False) as pipe:
        for idx in found:
            pipe.smembers(keys.open_by_club(idx))
        return [position for club in pipe.execute() for position in club]


def _check_open(newest: Newest, others: set[str]) -> None:
    # Of a club that is listed only now, or just before we entered.
    if not newest.positions.keys() >= others:
        raise Rehydrating(RIVAL)


def _newest(pg: Postgres, positions: Sequence[str]) -> Newest:
    newest = Newest(wanted=positions)
    with pg.transaction() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        newest.read(cursor)
    return newest


def _enter(client: redis.Redis, keys: Keys, life: int, known: int) -> None:
    """Have the treasury count on in *life*, also where nothing was missing.

    Raises:
        Rehydrating: somebody else puts Redis back, too, and is ahead of us; or it has restarted
            once more, and its treasury is behind the version *known*.
    """
    key, dirty = keys.wallet(TREASURY), keys.dirty(State.WALLETS)
    # There may have been none.
    write_anyway(client, [("HSETNX", key, field, "0") for field in ("cash", "locked")])
    for _ in range(ENTRIES):
        found: Any = client.hget(key, "v") or "0"
        fields = [str(TREASURY), "v", found, "v", str(life << EPOCH_BITS)]
        if life_of(int(found)) > life or int(found) < known:
            break
        if LuaScript("state_restore").run(client, [key, dirty], fields):
            return
    raise Rehydrating("another process puts Redis back as well")


def _restore(
    client: redis.Redis,
    keys: Keys,
    behind: Iterable[Lost],
    epoch: int,
    may_go_on: Callable[[], None],
) -> None:
    """Put back what is *behind*.

    Raises:
        Rehydrating: some of it is not there in the end; who begins anew finds it.
    """
    version = epoch << EPOCH_BITS
    restorer = Restorer(client, keys, version)
    for chunk in chunks(behind):
        may_go_on()
        back = restorer.restore(chunk)
        # Only of what we did put back: a rival's numbers may be higher than ours.
        _restart_pushes(client, keys, back, version)
        # And one that stood still since an earlier loss knows less than we do.
        if len(back) < len(chunk) and still_lost(client, keys, chunk):
            raise Rehydrating(RIVAL)


def _restart_pushes(client: redis.Redis, keys: Keys, back: Iterable[Lost], seq: int) -> None:
    """Number the pushes of users whose wallet was behind from far above what they may have seen."""
    users = [
        int(each.candidate.member)
        for each in back
        if each.candidate.state is State.WALLETS and each.candidate.member != str(TREASURY)
    ]
    write_anyway(client, [("SET", keys.pfseq(user), str(seq)) for user in users])
