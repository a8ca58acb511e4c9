"""What the admin routes are given beyond what the others have."""

from __future__ import annotations

from dataclasses import dataclass

from ..store.audit import Audit
from ..store.drain import Drain
from ..store.inquiry import Inquiries
from ..store.parked_rows import ParkedRows
from ..store.people import People
from ..store.reconcile_runs import ReconcileRuns
from ..store.spins import Spins
from ..store.withdrawals import Withdrawals
from .market_operators import MarketOperators
from .prover import Prover


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """The stores that only operators have to do with.

    Attributes:
        audit: where all that they do is written down.
        market: halts, limits, results.
        drain: brings facts to Postgres; that of the whole process.
        inquiries: scans of positions, with their traces.
        parked: facts that Postgres refuses.
        runs: what came of proving the books. *prover*: proves them now.
        spins: the steps of the weekly draw.
        withdrawals: take back orders that wait.
    """

    audit: Audit
    market: MarketOperators
    people: People
    drain: Drain
    inquiries: Inquiries
    parked: ParkedRows
    runs: ReconcileRuns
    prover: Prover
    spins: Spins
    withdrawals: Withdrawals
