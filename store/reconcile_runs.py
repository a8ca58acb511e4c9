"""What came of the reconciliations that the services made by themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from .keys import Keys
from .postgres import Postgres
from .reconcile import Report, reconcile

KEPT = 2016  #: runs; a week of one every five minutes
OFFENDERS_KEPT = 10  #: of each proof that failed


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run that anybody has kept."""

    ok: bool
    failed: tuple[str, ...]  #: names of the proofs that failed
    took_s: float
    ended_s: float  #: real seconds ago


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it was kept; *began_ms* real Unix ms, *failed* offenders by proof, hashes hex."""

    began_ms: int
    took_ms: int
    ok: bool
    failed: Mapping[str, Any]
    redis_hash: str
    postgres_hash: str


class ReconcileRuns:
    """Makes runs, and keeps them in the table `reconcile_runs`."""

    def __init__(self, client: redis.Redis, keys: Keys, pg: Postgres) -> None:
        self._redis = client
        self._keys = keys
        self._pg = pg

    def prove(self) -> Report:
        """Run every proof; takes as long as the ledger is long."""
        return reconcile(self._redis, self._keys, self._pg)

    def keep(self, report: Report, took_s: float) -> None:
        """Keep *report* of a run that has just ended, and forget the oldest."""
        hashes = [bytes.fromhex(report.state_hashes[side]) for side in ("redis", "postgres")]
        with self._pg.transaction() as cursor:
            cursor.execute(
                "INSERT INTO reconcile_runs (started_at, took_ms, ok, redis_hash, pg_hash, diffs)"
                " VALUES (now() - %s * INTERVAL '1 second', %s, %s, %s, %s, %s) RETURNING id",
                (took_s, round(took_s * 1000), report.ok, *hashes, _differences(report)),
            )
            cursor.execute(
                "DELETE FROM reconcile_runs WHERE id <= %s", (cursor.fetchone()[0] - KEPT,)
            )

    def last(self) -> LastRun | None:
        """The run that began last, whoever made it; None if there has been none.

        One that a process kept late, because it stood still meanwhile, tells of older books.
        """
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT ok, diffs, took_ms, extract(epoch FROM now() - started_at)::float"
                " FROM reconcile_runs ORDER BY started_at DESC, id DESC LIMIT 1"
            )
            found = cursor.fetchone()
        if found is None:
            return None
        ok, differences, took_ms, began_s = found
        took_s = took_ms / 1000
        return LastRun(ok, tuple(sorted(differences)), took_s, max(0.0, began_s - took_s))

    def newest(self) -> Run | None:
        """The run that began last, in full; None if there has been none."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT (extract(epoch FROM started_at) * 1000)::bigint, took_ms, ok, diffs,"
                " encode(redis_hash, 'hex'), encode(pg_hash, 'hex')"
                " FROM reconcile_runs ORDER BY started_at DESC, id DESC LIMIT 1"
            )
            found = cursor.fetchone()
        return Run(*found) if found else None


def _differences(report: Report) -> str:
    """The proofs that failed with some of their offenders, for JSON."""
    return json.dumps(
        {each.name: each.offenders[:OFFENDERS_KEPT] for each in report.verdicts if not each.ok},
        default=str,
    )
