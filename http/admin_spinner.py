"""A week's draw, looked at or gone on with at once by an admin.

A trial run draws nothing: with the true seed an admin could see who is going to win while the board
can still be changed, and with another one it would say nothing.

Source: docs/operations.md, "The weekly spinner".
"""

from __future__ import annotations

from typing import Literal

import msgspec
from flask import Blueprint, Response

from ..domain.leaderboard import Week, week_named
from ..protocol.spinner import SpinnerRun
from ..store.draws import Status
from ..store.spins import Hindrance
from .admin_form import Because
from .audited import Done, asked, audited
from .auth import admin
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import Problem, Refuse
from .spinner import spinner_unknown
from .validate import body, query


class RunQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of a run; `dry_run=1` only looks."""

    dry_run: Literal["0", "1"] = "0"


def spinner_admin_routes(deps: ApiDeps) -> Blueprint:
    """The route of this file; it needs the role admin."""
    routes = Blueprint("admin_spinner", __name__)

    @routes.post("/v1/admin/spinner/<week>/run")
    @Operation(
        access=Access.ADMIN,
        query=RunQuery,
        body=Because,
        keyed=True,
        answers={200: SpinnerRun},
        refusals=("SPINNER_UNKNOWN", "SPINNER_NOT_READY", "OUTCOME_UNKNOWN"),
    )
    def run_spinner(week: str) -> Response:
        """Have the draw of a week go on as far as it can, or say how far that is."""
        claims, wanted, dry = admin(deps), body(Because), query(RunQuery).dry_run == "1"
        named = week_named(week)
        if named is None:
            raise spinner_unknown()
        action = "spinner.look" if dry else "spinner.run"
        what = asked(claims, action, f"week {named.name}", wanted)
        return audited(deps, what, lambda _: _looked(deps, named) if dry else _ran(deps, named))

    return routes


def _looked(deps: ApiDeps, week: Week) -> Done:
    seen = _seen(deps, week)
    return Done(seen, seen, seen)


def _ran(deps: ApiDeps, week: Week) -> Done:
    before = _seen(deps, week)
    hindrance = deps.operators.spins.run(week, deps.calendar())
    after = _seen(deps, week, hindrance)
    stands = (after.status, after.unpaid) == (before.status, before.unpaid)
    if hindrance is not None and stands:
        raise Refuse(Problem("SPINNER_NOT_READY", f"the draw does not go on: {hindrance.value}"))
    return Done(after, before, after)


def _seen(deps: ApiDeps, week: Week, hindrance: Hindrance | None = None) -> SpinnerRun:
    """How far *week* has come; what hinders it is looked up where no run has told."""
    spins = deps.operators.spins
    left, known = spins.left_of(week), deps.draws.read(week)
    if left is None and known is None:
        raise spinner_unknown()
    status = None if known is None else known.status
    if left is not None and hindrance is None:
        hindrance = spins.hindrance(left, deps.calendar())
    return SpinnerRun(
        week=week.name,
        status=None if status is None else status.value,
        final=status is Status.ANNOUNCED or (left is not None and left.frozen),
        players=len(deps.draws.board(week)),
        unpaid=0 if left is None else left.owed,
        hindrance=None if hindrance is None else hindrance.value,
    )
