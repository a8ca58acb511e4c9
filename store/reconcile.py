"""Proofs that Redis, Postgres and the ledger tell the same story; safe while all of them change.

Nothing is repaired here but forgotten marks: money is never put right by a
machine. Source: docs/operations.md, "Proving the books".
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import gevent
import redis

from ..domain.ids import TREASURY
from .ages import LOOKS, Limits, Pause, waiting_too_long
from .comparison import VERSION, Comparison, Finding
from .files import Files
from .keys import Keys, State
from .outbox import Outbox, open_outboxes
from .postgres import Postgres
from .proof import SHOWN, Offender, offenders
from .proofs import ORDERS, SQL_PROOFS
from .reservations import Reservations

LONGEST_S = 600.0  #: of one statement: proofs read whole tables
FACTS_READ = 100  #: entries looked at at a time for the oldest fact that still waits

#: A key that holds another type than it should.
UNREADABLE = redis.ResponseError


@dataclass(frozen=True, slots=True)
class Verdict:
    """One proof and what contradicts it, at most `SHOWN` offenders."""

    name: str
    claim: str
    offenders: tuple[Offender, ...]

    @property
    def ok(self) -> bool:
        """Whether the claim holds."""
        return not self.offenders


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one reconciliation."""

    verdicts: tuple[Verdict, ...]
    state_hashes: Mapping[str, str]  #: SHA-256 of the compared states, by side

    @property
    def ok(self) -> bool:
        """Whether every claim holds."""
        return all(verdict.ok for verdict in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        proofs = [
            {"name": v.name, "ok": v.ok, "claim": v.claim, "offenders": list(v.offenders)}
            for v in self.verdicts
        ]
        return {"ok": self.ok, "proofs": proofs, "state_hashes": dict(self.state_hashes)}

    def as_text(self) -> str:
        """The report for a terminal: a line for each proof, and one for each offender."""
        lines = []
        for verdict in self.verdicts:
            lines.append(f"{'ok    ' if verdict.ok else 'FAILED'}  {verdict.name}: {verdict.claim}")
            for offender in verdict.offenders:
                lines.append("          " + ", ".join(f"{k}={v}" for k, v in offender.items()))
        lines.extend(f"state of {side}: {digest}" for side, digest in self.state_hashes.items())
        lines.append("reconcile: ok" if self.ok else "reconcile: FAILED")
        return "\n".join(lines)


def reconcile(
    client: redis.Redis,
    keys: Keys,
    pg: Postgres,
    *,
    limits: Limits | None = None,
    pause: Pause = gevent.sleep,
) -> Report:
    """Run every proof; changes nothing."""
    limits = limits or Limits()
    # Before the snapshot is taken: all facts up to here were in Postgres already.
    cut = _complete_up_to(client, keys)
    with pg.transaction(LONGEST_S) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        verdicts = [
            Verdict(proof.name, proof.claim, offenders(cursor, proof.query, cut=cut))
            for proof in SQL_PROOFS
        ]
    verdicts = [
        _not_on_its_way(verdict, pg, limits, pause) if verdict.name == ORDERS.name else verdict
        for verdict in verdicts
    ]
    comparison = Comparison(client, keys, pg)
    differences = map(asdict, comparison.differences())
    verdicts.append(_verdict("redis", "Redis and Postgres agree at equal versions", differences))
    misfiled = Files(client, keys).misfiled()
    verdicts.append(_verdict("files", "Redis files every position where it belongs", misfiled))
    wrong = Reservations(client, keys).wrong()
    claim = "every wallet has set aside what its user's waiting orders have"
    verdicts.append(_verdict("reserved", claim, wrong))
    waiting = waiting_too_long(open_outboxes(client, keys), pg, limits, pause)
    verdicts.append(_verdict("ages", "no fact waits too long for the ledger", waiting))
    return Report(tuple(verdicts), comparison.state_hashes)


def repair(client: redis.Redis, keys: Keys, report: Report) -> int:
    """Mark dirty again what *report* found newer in Redis and unmarked; return how many."""
    marked = 0
    for verdict in report.verdicts:
        for offender in verdict.offenders:
            if offender.get("finding") == Finding.UNMARKED:
                state = State(str(offender["state"]))
                marked += int(client.sadd(keys.dirty(state), str(offender["member"])))
    return marked


def _complete_up_to(client: redis.Redis, keys: Keys) -> int:
    """The treasury's version up to which no fact can be missing from Postgres.

    Facts leave their stream only once they are in Postgres, so those before the oldest that is
    still in either are all there.
    """
    try:
        # First: a fact of a version up to this one is in a stream by now, if it waits at all.
        version: Any = client.hget(keys.wallet(TREASURY), "v")
        waiting = [_oldest(outbox) for outbox in open_outboxes(client, keys).values()]
    except UNREADABLE:
        return 0  # whoever reads the same key for a proof of its own names it
    complete = int(version) if VERSION.fullmatch(version or "") else 0
    return min([complete, *(oldest - 1 for oldest in waiting if oldest)])


def _oldest(outbox: Outbox) -> int | None:
    """The treasury's version in the oldest fact that waits; None if none does."""
    after = None
    while waiting := outbox.read(FACTS_READ, after):
        for version in (entry.fields.get("tv", "") for entry in waiting):
            if VERSION.fullmatch(version):
                return int(version)
        after = waiting[-1].id  # records of orders: they have no version
    return None


def _not_on_its_way(verdict: Verdict, pg: Postgres, limits: Limits, pause: Pause) -> Verdict:
    """*verdict* on the orders, of those that it still finds within the grace.

    That an opening was carried out and what it has opened come by two streams, each at its time.
    """
    for _ in range(LOOKS):
        if verdict.ok:
            break
        pause(limits.grace_s / LOOKS)
        with pg.transaction(LONGEST_S) as cursor:
            again = offenders(cursor, ORDERS.query)
        left = tuple(each for each in verdict.offenders if each in again)
        verdict = replace(verdict, offenders=left)
    return verdict


def _verdict(name: str, claim: str, contradictions: Iterable[Offender]) -> Verdict:
    found: list[Offender] = []
    try:
        # To the end, however many there are: the state hashes need all.
        for offender in contradictions:
            found.append(offender)
    except UNREADABLE as error:
        # Redis' text names the command, and mostly the key.
        found.insert(0, {"finding": "unreadable", "error": str(error)})
    return Verdict(name, claim, tuple(found[:SHOWN]))
