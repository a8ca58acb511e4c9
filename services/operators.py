"""What an api-server gives its admin routes."""

from __future__ import annotations

from ..http.operators import Operators
from ..http.prover import Prover
from ..store.audit import Audit
from ..store.inquiry import Inquiries
from ..store.parked_rows import ParkedRows
from ..store.people import People
from ..store.reconcile_runs import ReconcileRuns
from ..store.scanner import Scanner
from ..store.spins import Spins
from ..store.withdrawals import Withdrawals
from .market_operators import market_operators
from .stores import Stores


def operators(stores: Stores, scanner: Scanner, spins: Spins) -> Operators:
    """What only operators have to do with, over *stores*."""
    runs = ReconcileRuns(stores.redis, stores.keys, stores.pg)
    return Operators(
        audit=Audit(stores.pg),
        market=market_operators(stores),
        people=People(stores.pg),
        drain=stores.drain,
        inquiries=Inquiries(stores.redis, stores.keys, scanner),
        parked=ParkedRows(stores.pg),
        runs=runs,
        prover=Prover(runs),
        spins=spins,
        withdrawals=Withdrawals(stores.redis, stores.keys, stores.scripts),
    )
