"""The fleet and the books, as operators look at them: leases, proofs, facts that were refused.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..protocol.admin import (
    FactTried,
    LeaseShown,
    ParkedFact,
    ProofsRun,
    ProofsUnderWay,
)
from ..protocol.health import HealthTree
from ..protocol.pages import All, Page
from ..store.audit import Begun
from ..store.parked_rows import Kept, Row, Tried
from ..store.reconcile_runs import Run
from .admin_form import Because
from .admin_reads import looked_at
from .answers import Cursors, json_answer, page_of
from .audited import Done, OutcomeUnknown, asked, audited, settles
from .auth import admin
from .deps import ApiDeps
from .health_report import encoded, full_report
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .validate import body, query


class OutboxQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/admin/outbox`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None


def book_routes(deps: ApiDeps, cursors: Cursors) -> Blueprint:
    """The routes of this file; all need the role admin."""
    routes = Blueprint("admin_books", __name__)
    _add_fleet(routes, deps)
    _add_proofs(routes, deps)
    _add_outbox(routes, deps, cursors)
    return routes


def _add_fleet(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.get("/v1/admin/health/tree")
    @Operation(access=Access.ADMIN, answers={200: HealthTree})
    def health_tree() -> Response:
        """The supervision tree of this replica, and what is heard of the others."""
        admin(deps)
        return Response(encoded(full_report(deps.health)), content_type="application/json")

    @routes.get("/v1/admin/leases")
    @Operation(access=Access.ADMIN, answers={200: All[LeaseShown]})
    def held_leases() -> Response:
        """Who holds which lease, and for how long still."""
        admin(deps)
        held = deps.fleet.held()
        return json_answer(
            {"data": [LeaseShown(each.lease, each.owner, each.left_ms) for each in held]}
        )


def _add_proofs(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.get("/v1/admin/reconcile")
    @Operation(access=Access.ADMIN, answers={200: ProofsRun}, refusals=("NOT_FOUND",))
    def last_proof() -> Response:
        """What the last proof of the books found."""
        admin(deps)
        return json_answer(_told(deps.operators.runs.newest()))

    @routes.post("/v1/admin/reconcile")
    @Operation(
        access=Access.ADMIN,
        body=Because,
        keyed=True,
        answers={200: ProofsRun, 202: ProofsUnderWay},
        refusals=("OUTCOME_UNKNOWN",),
    )
    def prove_books() -> Response:
        """Prove the books now."""
        what = asked(admin(deps), "books.prove", "books", body(Because))
        return audited(deps, what, lambda _: _proved(deps))


def _add_outbox(routes: Blueprint, deps: ApiDeps, cursors: Cursors) -> None:
    @routes.get("/v1/admin/outbox")
    @Operation(access=Access.ADMIN, query=OutboxQuery, answers={200: Page[ParkedFact]})
    def parked_facts() -> Response:
        """Facts that Postgres has refused, the newest first."""
        admin(deps)
        return json_answer(_parked_page(deps, cursors, query(OutboxQuery)))

    @routes.post("/v1/admin/outbox/<fact_id>/retry")
    @Operation(
        access=Access.ADMIN,
        body=Because,
        keyed=True,
        answers={200: FactTried},
        refusals=("FACT_UNKNOWN", "OUTCOME_UNKNOWN"),
    )
    def retry_fact(fact_id: str) -> Response:
        """Offer a fact to Postgres once more."""
        claims, row_id = admin(deps), _row_named(fact_id)
        what = asked(claims, "outbox.retry", f"fact {row_id}", body(Because))
        return audited(deps, what, lambda begun: _tried(deps, row_id, begun))

    @routes.delete("/v1/admin/outbox/<fact_id>")
    @Operation(
        access=Access.ADMIN,
        body=Because,
        answers={204: None},
        refusals=("FACT_UNKNOWN", "FACT_NEEDED", "OUTCOME_UNKNOWN"),
    )
    def delete_fact(fact_id: str) -> Response:
        """Delete a fact that the books do not need."""
        claims, row_id = admin(deps), _row_named(fact_id)
        what = asked(claims, "outbox.delete", f"fact {row_id}", body(Because))
        return audited(deps, what, lambda begun: _deleted(deps, row_id, begun))


def _told(run: Run | None) -> ProofsRun:
    if run is None:
        raise Refuse(Problem("NOT_FOUND", "the books have not been proved yet"))
    return _run_view(run)


def _proved(deps: ApiDeps) -> Done:
    before = _verdict(deps.operators.runs.newest())
    try:
        proved = deps.operators.prover.run()
    except TimeoutError as why:
        raise OutcomeUnknown(str(why)) from None
    if not proved:
        return Done(ProofsUnderWay("running"), before, {"status": "running"}, status=202)
    found = deps.operators.runs.newest()
    return Done(_told(found), before, _verdict(found))


def _verdict(run: Run | None) -> dict[str, object]:
    """What the row says of *run*; its offenders are in the answer and in `reconcile_runs`."""
    if run is None:
        return {"status": "never"}
    return {
        "status": "done",
        "started_at": rfc3339(run.began_ms),
        "ok": run.ok,
        "failed": sorted(run.failed),
    }


def _run_view(run: Run) -> ProofsRun:
    return ProofsRun(
        status="done",
        started_at=rfc3339(run.began_ms),
        took_ms=run.took_ms,
        ok=run.ok,
        failed=dict(run.failed),
        state_hashes={"redis": run.redis_hash, "postgres": run.postgres_hash},
    )


def _parked_page(deps: ApiDeps, cursors: Cursors, wanted: OutboxQuery) -> dict[str, object]:
    before = None
    if wanted.cursor:
        at_ms, row_id = cursors.read("outbox", wanted.cursor)
        before = int(at_ms), row_id
    rows = deps.operators.parked.page(before, wanted.limit + 1)
    looked_at(row.id for row in rows[: wanted.limit])
    return page_of(
        rows,
        wanted.limit,
        _parked_view,
        lambda row: cursors.issue("outbox", str(row.created_ms), row.id),
    )


def _parked_view(row: Row) -> ParkedFact:
    return ParkedFact(
        id=row.id,
        stream=row.stream.value,
        kind=row.kind,
        fact=dict(row.payload),
        malformed=row.malformed,
        attempts=row.attempts,
        error=row.error,
        created_at=rfc3339(row.created_ms),
        retry_at=rfc3339(row.retry_ms),
    )


def _tried(deps: ApiDeps, row_id: str, begun: Begun) -> Done:
    tried = deps.operators.parked.retry(row_id, settles(deps, begun, _tried_view))
    if tried is None:
        raise _fact_unknown()
    return _tried_view(tried)


def _tried_view(tried: Tried) -> Done:
    answer = FactTried(tried.row.id, "refused" if tried.error else "recorded", tried.error)
    return Done(answer, before=_parked_view(tried.row), after={"status": answer.status})


def _deleted(deps: ApiDeps, row_id: str, begun: Begun) -> Done:
    # With the row: from here on this is the only place that has it.
    found = deps.operators.parked.delete(row_id, settles(deps, begun, _gone))
    if found is Kept.UNKNOWN:
        raise _fact_unknown()
    if isinstance(found, Kept):
        detail = "the books would lack it: repair what refuses it, and it will be recorded"
        raise Refuse(Problem("FACT_NEEDED", detail, (FieldError("/id", detail, "path"),)))
    return _gone(found)


def _gone(row: Row) -> Done:
    return Done(None, before=_parked_view(row), after={"status": "deleted"}, status=204)


def _row_named(name: str) -> str:
    try:
        return str(UUID(name))
    except ValueError:
        raise _fact_unknown() from None


def _fact_unknown() -> Refuse:
    error = FieldError("/id", "is no parked fact's", "path")
    return Refuse(Problem("FACT_UNKNOWN", "there is no such parked fact", (error,)))
