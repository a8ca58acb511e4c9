"""`GET /v1/admin/audit`: what operators did, and were refused."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..protocol.admin import AuditLine
from ..protocol.pages import Page
from ..store.audit import PAGE_MAX, Line, Sought
from .admin_form import SearchText
from .admin_reads import looked_at
from .answers import Cursors, json_answer, page_of
from .auth import admin
from .deps import ApiDeps
from .operations import Access, Operation
from .validate import query


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/admin/audit`; `actor` is such as `user 7`, `target` such as `user 9`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = 50
    cursor: str | None = None
    actor: SearchText | None = None
    action: SearchText | None = None
    target: SearchText | None = None


def audit_routes(deps: ApiDeps, cursors: Cursors) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("admin_audit", __name__)

    @routes.get("/v1/admin/audit")
    @Operation(access=Access.ADMIN, query=AuditQuery, answers={200: Page[AuditLine]})
    def audit_log() -> Response:
        """What admins have done, the newest first."""
        admin(deps)
        return json_answer(_page(deps, cursors, query(AuditQuery)))

    return routes


def _page(deps: ApiDeps, cursors: Cursors, wanted: AuditQuery) -> dict[str, object]:
    name = f"audit:{wanted.actor}:{wanted.action}:{wanted.target}"
    before = int(cursors.read(name, wanted.cursor)[0]) if wanted.cursor else None
    sought = Sought(wanted.actor, wanted.action, wanted.target, before)
    rows = deps.operators.audit.page(sought, wanted.limit + 1)
    looked_at(line.id for line in rows[: wanted.limit])
    return page_of(rows, wanted.limit, _view, lambda line: cursors.issue(name, str(line.id)))


def _view(line: Line) -> AuditLine:
    asked, settled = line.asked, line.settled
    return AuditLine(
        id=line.id,
        at=rfc3339(line.at_ms),
        actor=asked.actor,
        session_id=asked.session,
        action=asked.action,
        target=asked.target,
        request=asked.request,
        before=line.before,
        after=line.after,
        outcome=settled.outcome if settled else None,
        status=settled.status if settled else None,
        request_id=asked.request_id,
        ip=asked.ip,
    )
