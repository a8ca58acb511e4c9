"""`/v1/admin/mode`: what the whole market may do.

Source: docs/protocol.md, "Admin: the market".
"""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.ruling import Mode
from ..protocol.admin_markets import ModeShown
from ..store.market_mode import MarketMode, Moved
from .admin_form import Reason
from .answers import json_answer
from .audited import Done, asked, audited
from .auth import admin
from .deps import ApiDeps
from .operations import Access, Operation
from .position_form import etag, version_wanted
from .problems import FieldError, Problem, Refuse
from .validate import body


class ModeWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `PUT /v1/admin/mode`."""

    mode: Mode
    reason: Reason


def mode_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("admin_mode", __name__)

    @routes.get("/v1/admin/mode")
    @Operation(access=Access.ADMIN, answers={200: ModeShown}, versioned=True)
    def market_mode() -> Response:
        """What the whole market may do."""
        admin(deps)
        return with_version(json_answer(mode_shown(deps.operators.market.modes.present())))

    @routes.put("/v1/admin/mode")
    @Operation(
        access=Access.ADMIN,
        body=ModeWanted,
        guarded=True,
        answers={200: ModeShown},
        refusals=("OUTCOME_UNKNOWN",),
    )
    def set_market_mode() -> Response:
        """Set what the whole market may do."""
        claims = admin(deps)
        wanted, known = body(ModeWanted), version_wanted("the mode")
        what = asked(claims, "market.mode", "market", wanted)
        return with_version(audited(deps, what, lambda _: _set(deps, wanted, known)))

    return routes


def mode_shown(mode: MarketMode) -> ModeShown:
    """*mode* as admins see it."""
    since = None if mode.since_ms is None else rfc3339(mode.since_ms)
    return ModeShown(mode.mode.value, mode.note or None, since, mode.version)


def outdated(version: int, what: str) -> Refuse:
    """A refusal (to raise): the version sent is not *version*, the present one of *what*."""
    error = FieldError("/If-Match", f"is not the present version of {what}", "header")
    detail = f"somebody else has changed {what} since; read it again"
    return Refuse(Problem("PRECONDITION_FAILED", detail, (error,), {"version": version}))


def _set(deps: ApiDeps, wanted: ModeWanted, known: int) -> Done:
    change = deps.operators.market.modes.set(wanted.mode, wanted.reason, known, deps.calendar())
    if isinstance(change, Moved):
        raise outdated(change.present.version, "the mode")
    return Done(mode_shown(change.after), mode_shown(change.before), mode_shown(change.after))


def with_version(response: Response) -> Response:
    """*response*, whose body has a version, with the ETag to change that by."""
    response.headers["ETag"] = etag(response.get_json()["version"])
    return response
