"""`/v1/admin/mode`: what the whole market may do.

Source: docs/protocol.md, "Admin: the market".
"""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.ruling import Mode
from ..protocol.admin_markets import ModeShown
from ..store.audit import Begun
from ..store.market_mode import MarketMode, ModeChange, Moved, Unreadable
from .admin_form import Reason
from .answers import json_answer
from .audited import Done, asked, audited, settles
from .auth import admin
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import Problem, Refuse
from .validate import body
from .versions import changed, outdated, version_wanted, with_version


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
        refusals=("INSTRUMENT_UNREADABLE", "OUTCOME_UNKNOWN"),
    )
    def set_market_mode() -> Response:
        """Set what the whole market may do."""
        claims = admin(deps)
        wanted, known = body(ModeWanted), version_wanted("the mode")
        what = asked(claims, "market.mode", "market", wanted, known)
        answer = audited(deps, what, lambda begun: _set(deps, wanted, known, begun))
        modes = deps.operators.market.modes
        return changed(answer, "the mode", lambda: modes.present().version)

    return routes


def mode_shown(mode: MarketMode) -> ModeShown:
    """*mode* as admins see it."""
    since = None if mode.since_ms is None else rfc3339(mode.since_ms)
    return ModeShown(mode.mode.value, mode.note or None, since, mode.version)


def _set(deps: ApiDeps, wanted: ModeWanted, known: int, begun: Begun) -> Done:
    change = deps.operators.market.modes.set(
        wanted.mode, wanted.reason, known, deps.calendar(), settles(deps, begun, _done)
    )
    if isinstance(change, Unreadable):
        raise _unreadable(change)
    if isinstance(change, Moved):
        raise outdated(change.present.version, "the mode")
    return _done(change)


def _done(change: ModeChange) -> Done:
    return Done(mode_shown(change.after), mode_shown(change.before), mode_shown(change.after))


def _unreadable(found: Unreadable) -> Refuse:
    detail = f"instrument {found.idx} is broken in Redis; nothing was changed"
    return Refuse(Problem("INSTRUMENT_UNREADABLE", detail, extensions={"idx": found.idx}))
