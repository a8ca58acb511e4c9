"""Asks the quotas before every request, and tells clients how they stand.

Source: docs/protocol.md, "Quotas".
"""

from __future__ import annotations

from flask import Flask, Response, g, request

from ..store.outage import OUTAGES
from .auth import ended, shown
from .deps import ApiDeps
from .ended_lately import EndedLately
from .operations import Access, Limit, Operation, operation_of
from .problems import Refuse
from .quotas import beyond, quota_headers
from .tokens import Claims

_READING = ("GET", "HEAD", "OPTIONS")


def install(app: Flask, deps: ApiDeps) -> None:
    """Have every request of *app* counted."""
    lately = EndedLately(deps.revocations)

    @app.before_request
    def count() -> None:
        """Raise Refuse if this request is one too many."""
        address = request.remote_addr or ""
        policy, taken = deps.quotas.arrive(address)
        if not taken.allowed:
            g.quota = policy, taken
            raise Refuse(beyond(policy, taken))
        rule = request.url_rule
        if rule is None or not rule.rule.startswith("/v1/"):
            return  # nothing, or what is only read from memory
        operation = operation_of(app.view_functions[rule.endpoint])
        limit = limit_of(rule.rule, request.method, operation)
        user = _owner(deps, lately, operation)
        g.quota = policy, taken = deps.quotas.take(limit, user, address)
        own = user is not None and taken.allowed and limit is not Limit.SIGN_IN
        g.counted = (limit, user, 1) if own else None
        if not taken.allowed:
            raise Refuse(beyond(policy, taken))

    @app.after_request
    def tell(response: Response) -> Response:
        if "quota" in g:
            response.headers.extend(quota_headers(*g.quota))
        return response


def _owner(deps: ApiDeps, lately: EndedLately, operation: Operation | None) -> int | None:
    """Whose quota the request is counted in; None: that of strangers at its address.

    Whoever has the token of a session that is over must not use up what is its owner's.
    """
    claims = shown(deps)
    if not isinstance(claims, Claims):
        return None
    named = operation is not None and operation.access in (Access.USER, Access.ADMIN)
    try:
        over = ended(deps, claims) if named else lately.has(claims)
    except OUTAGES:
        return claims.user  # where it matters the route finds out, and refuses
    return None if over else claims.user


def counts_as(deps: ApiDeps, requests: int) -> None:
    """Count the request under way as so many, not as one.

    To be called before anything is waited for: what others send meanwhile finds the quota used.
    """
    counted = g.get("counted")
    if counted is not None:  # else it is nobody's, and about to be refused
        limit, user, before = counted
        g.quota = deps.quotas.charge(limit, user, requests - before)
        g.counted = limit, user, requests


def limit_of(path: str, method: str, operation: Operation | None) -> Limit:
    """The quota that a route is counted under: what it says itself, else by where it is."""
    if operation is not None and operation.limit is not None:
        return operation.limit
    if path.startswith("/v1/admin/"):
        return Limit.ADMIN
    if path.startswith("/v1/auth/"):
        return Limit.SIGN_IN
    if path == "/v1/ws-token":
        return Limit.WS_TOKEN
    return Limit.READS if method in _READING else Limit.ORDERS
