"""`POST /v1/admin/feed/simulate`: a match gone through again, by the rules of now.

Source: docs/protocol.md, "Admin: the market".
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.halts import reasons
from ..domain.money import format_px
from ..domain.results import Pair
from ..domain.simulation import Step, simulated
from ..protocol.admin_markets import Bases, FixtureSimulated, SimulatedStep
from ..protocol.shapes import Goals
from ..store.recorded_fixture import Recorded
from .admin_form import Reason
from .audited import Done, asked, audited
from .auth import admin
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import Problem, Refuse
from .validate import body


class SimulationWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/feed/simulate`."""

    fixture: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    reason: Reason


def simulation_routes(deps: ApiDeps) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("admin_simulation", __name__)

    @routes.post("/v1/admin/feed/simulate")
    @Operation(
        access=Access.ADMIN,
        body=SimulationWanted,
        keyed=True,
        answers={200: FixtureSimulated},
        refusals=("NOT_FOUND", "FIXTURE_LIVE", "FIXTURE_NOT_BEGUN", "OUTCOME_UNKNOWN"),
    )
    def simulate_fixture() -> Response:
        """Go through a recorded match again, by the rules of now; nothing is changed."""
        claims, wanted = admin(deps), body(SimulationWanted)
        what = asked(claims, "feed.simulate", f"fixture {wanted.fixture}", wanted)
        return audited(deps, what, lambda _: _simulated(deps, wanted.fixture))

    return routes


def _simulated(deps: ApiDeps, fixture: int) -> Done:
    found = deps.fixtures.recorded(fixture)
    if found is None:
        raise Refuse(Problem("NOT_FOUND", "there is no such fixture"))
    if found.origin is None:
        raise Refuse(Problem("FIXTURE_NOT_BEGUN", "nothing is on record to go through"))
    if not found.settled:
        raise Refuse(Problem("FIXTURE_LIVE", "wait until it is settled"))
    steps = tuple(simulated(found.origin, deps.fixtures.looks(fixture) or ()))
    answer = _answer(fixture, found, found.origin.bases, steps)
    stands = {"recorded": answer.recorded}  # nothing is changed
    return Done(answer, stands, stands)


def _answer(
    fixture: int, found: Recorded, before: Pair, steps: tuple[Step, ...]
) -> FixtureSimulated:
    return FixtureSimulated(
        fixture=fixture,
        before=_bases(before),
        steps=tuple(map(_step, steps)),
        left=_bases(steps[-1].indices if steps else before),
        recorded=None if found.left is None else _bases(found.left),
    )


def _step(step: Step) -> SimulatedStep:
    look = step.look
    return SimulatedStep(
        at=rfc3339(look.observed_ms),
        minute=look.minute,
        state=look.state,
        phase=step.phase.value,
        score=Goals(*look.goals),
        reds=Goals(*look.reds),
        index=_bases(step.indices),
        halts=reasons(step.halt, step.phase),
    )


def _bases(pair: Pair) -> Bases:
    return Bases(*map(format_px, pair))
