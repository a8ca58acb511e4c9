"""`/v1/admin/instruments`: halts and limits of instruments, and new ones.

Source: docs/protocol.md, "Admin: the market".
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import msgspec
from flask import Blueprint, Response

from ..domain.ids import InstrumentIdx
from ..domain.limits import Fault
from ..domain.ruling import Mode
from ..protocol.admin_markets import InstrumentRuled
from ..store.audit import Asked, Begun
from ..store.instrument_rules import LimitsMoved, RuleChange
from ..store.new_instruments import Taken
from .admin_form import Reason
from .answers import json_answer
from .audited import Done, asked, audited, settles
from .auth import admin
from .deps import ApiDeps
from .limits_form import InstrumentWanted, LimitsWanted, limits_wanted, new_wanted, ruled, unfit
from .listing import Listing
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .validate import body
from .versions import changed, outdated, version_wanted, with_version


class HaltWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/instruments/{idx}/halt`."""

    reason: Reason
    kind: Literal["halted", "reduce_only"] = "halted"


class ResumeWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/instruments/{idx}/resume`; the reason is for the audit alone."""

    reason: Reason


#: Of limits that cannot be read, or cannot be.
_LIMITS = (
    "LIMIT_INVALID",
    "PRICE_INVALID",
    "PRICE_PRECISION_EXCEEDED",
    "QUANTITY_INVALID",
    "QUANTITY_PRECISION_EXCEEDED",
)
_LIMITS_OF = "the instrument's limits"
_UNCERTAIN = ("INSTRUMENT_UNKNOWN", "OUTCOME_UNKNOWN")


def instrument_routes(deps: ApiDeps, listing: Listing) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("admin_instruments", __name__)
    _reads_and_limits(routes, deps, listing)
    _halts(routes, deps, listing)
    return routes


def _reads_and_limits(routes: Blueprint, deps: ApiDeps, listing: Listing) -> None:
    @routes.get("/v1/admin/instruments/<instrument>")
    @Operation(
        access=Access.ADMIN,
        answers={200: InstrumentRuled},
        refusals=("INSTRUMENT_UNKNOWN",),
        versioned=True,
    )
    def one_rule(instrument: str) -> Response:
        """What operators want of an instrument."""
        admin(deps)
        idx = listing.idx_of(instrument, "/instrument", "path")
        rule = deps.operators.market.rules.present(idx)
        if rule is None:
            raise _unknown()
        return with_version(json_answer(ruled(idx, rule)))

    @routes.post("/v1/admin/instruments")
    @Operation(
        access=Access.ADMIN,
        body=InstrumentWanted,
        keyed=True,
        answers={201: InstrumentRuled},
        refusals=(*_LIMITS, "INSTRUMENT_EXISTS", "OUTCOME_UNKNOWN"),
    )
    def list_instrument() -> Response:
        """List a new instrument."""
        claims = admin(deps)
        wanted = body(InstrumentWanted)
        what = asked(claims, "instrument.create", f"instrument {wanted.symbol}", wanted)
        return audited(deps, what, lambda begun: _created(deps, begun.key, wanted))

    @routes.patch("/v1/admin/instruments/<instrument>")
    @Operation(
        access=Access.ADMIN,
        body=LimitsWanted,
        guarded=True,
        answers={200: InstrumentRuled},
        refusals=(*_UNCERTAIN, *_LIMITS),
    )
    def change_limits(instrument: str) -> Response:
        """Change limits of an instrument; what is left out stays."""
        claims = admin(deps)
        wanted, known = body(LimitsWanted), version_wanted(_LIMITS_OF)
        idx, changes = listing.idx_of(instrument, "/instrument", "path"), limits_wanted(wanted)
        what = asked(claims, "instrument.limits", _target(idx), wanted, known)
        answer = audited(deps, what, lambda begun: _limited(deps, idx, changes, known, begun))
        return changed(answer, _LIMITS_OF, lambda: _version(deps, idx))


def _halts(routes: Blueprint, deps: ApiDeps, listing: Listing) -> None:
    @routes.post("/v1/admin/instruments/<instrument>/halt")
    @Operation(
        access=Access.ADMIN,
        body=HaltWanted,
        keyed=True,
        answers={200: InstrumentRuled},
        refusals=_UNCERTAIN,
    )
    def halt_instrument(instrument: str) -> Response:
        """Halt an instrument, or have it reduced only."""
        claims = admin(deps)
        wanted, idx = body(HaltWanted), listing.idx_of(instrument, "/instrument", "path")
        what = asked(claims, "instrument.halt", _target(idx), wanted)
        return _ruled(deps, what, idx, Mode(wanted.kind), wanted.reason)

    @routes.post("/v1/admin/instruments/<instrument>/resume")
    @Operation(
        access=Access.ADMIN,
        body=ResumeWanted,
        keyed=True,
        answers={200: InstrumentRuled},
        refusals=_UNCERTAIN,
    )
    def resume_instrument(instrument: str) -> Response:
        """End an instrument's own halt."""
        claims = admin(deps)
        wanted, idx = body(ResumeWanted), listing.idx_of(instrument, "/instrument", "path")
        what = asked(claims, "instrument.resume", _target(idx), wanted)
        return _ruled(deps, what, idx, Mode.ENABLED, "")


def _target(idx: InstrumentIdx) -> str:
    return f"instrument {idx}"


def _ruled(deps: ApiDeps, what: Asked, idx: InstrumentIdx, mode: Mode, note: str) -> Response:
    def rule(begun: Begun) -> Done:
        tell = settles(deps, begun, partial(_done, idx))
        change = deps.operators.market.rules.set_mode(idx, mode, note, deps.calendar(), tell)
        return _done(idx, change)

    return audited(deps, what, rule)


def _limited(
    deps: ApiDeps, idx: InstrumentIdx, changes: dict[str, int], known: int, begun: Begun
) -> Done:
    tell = settles(deps, begun, partial(_done, idx))
    change = deps.operators.market.rules.set_limits(idx, changes, known, deps.calendar(), tell)
    match change:
        case LimitsMoved(version):
            raise outdated(version, _LIMITS_OF)
        case Fault():
            raise unfit(change)
        case _:
            return _done(idx, change)


def _version(deps: ApiDeps, idx: InstrumentIdx) -> int:
    rule = deps.operators.market.rules.present(idx)
    return 0 if rule is None else rule.limits_version


def _created(deps: ApiDeps, mark: str, wanted: InstrumentWanted) -> Done:
    made = deps.operators.market.instruments.create(new_wanted(wanted, mark))
    if isinstance(made, Taken):
        error = FieldError(f"/{made.field}", "belongs to another instrument")
        raise Refuse(Problem("INSTRUMENT_EXISTS", f"{made.field} is taken", (error,)))
    rule = deps.operators.market.rules.present(made)
    if rule is None:
        raise _unknown()
    return Done(ruled(made, rule), None, ruled(made, rule), 201)


def _done(idx: InstrumentIdx, change: RuleChange | None) -> Done:
    if change is None:
        raise _unknown()
    before, after = ruled(idx, change.before), ruled(idx, change.after)
    return Done(after, before, after)


def _unknown() -> Refuse:
    return Refuse(Problem("INSTRUMENT_UNKNOWN", "there is no such instrument"))
