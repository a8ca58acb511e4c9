"""Who of the admins looked at what, and at whom: a line of the log for each read.

A line and no row of `audit_log`: a read changes nothing, and must not fail because Postgres does.
Source: docs/decisions/0044-what-the-http-surface-leaves-to-nobody.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from flask import Flask, Response, g, request

from .tokens import Claims

log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    """Have every read that *app* answers to an admin logged."""

    @app.after_request
    def tell(response: Response) -> Response:
        claims: Claims | None = g.get("admin")
        if claims is not None and request.method in ("GET", "HEAD"):
            log.info(
                "admin read",
                actor=f"user {claims.user}",
                session=claims.session,
                # Not the query: what is searched for may be somebody's address.
                path=request.path,
                ids=g.get("looked_at", ""),
                status=response.status_code,
            )
        return response


def looked_at(ids: Iterable[object]) -> None:
    """Say of the read under way what it shows: ids of users, or of rows that are about some."""
    # As one text: of a list the log has the first hundred.
    g.looked_at = " ".join(map(str, ids))
