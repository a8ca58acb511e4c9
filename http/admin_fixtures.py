"""`/v1/admin/fixtures` and `/v1/admin/feed`: results that operators set, and how the feed is read.

Source: docs/protocol.md, "Admin: the market".
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response

from ..domain.money import format_px
from ..domain.results import Pair
from ..protocol.admin_markets import Bases, FixtureLinked, FixtureSettled
from ..protocol.shapes import Goals
from ..store.audit import Begun
from ..store.fixture_acts import Hindrance, ResultChange
from ..store.fixture_rows import FixtureRow
from ..store.team_links import Linked
from .admin_form import Reason
from .audited import Done, asked, audited, notes
from .auth import admin
from .deps import ApiDeps
from .fixtures import ID_MAX
from .listing import Listing
from .operations import Access, Operation
from .problems import Problem, Refuse
from .validate import body

_Count = Annotated[int, msgspec.Meta(ge=0, le=99)]


class ResultWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/fixtures/{id}/resettle`: goals after extra time, no penalties."""

    home_goals: _Count
    away_goals: _Count
    reason: Reason


class VoidWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/fixtures/{id}/void`."""

    reason: Reason


class LinkWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/fixtures/{id}/link`: by whose team which instrument is moved."""

    side: Literal["home", "away"]
    instrument: int | str
    reason: Reason


_SETTLING = (
    "NOT_FOUND",
    "FIXTURE_LIVE",
    "FIXTURE_NOT_BEGUN",
    "CLUB_IN_PLAY",
    "RESULT_OVERTAKEN",
    "OUTCOME_UNKNOWN",
)

_PROBLEMS = {
    Hindrance.UNKNOWN: Problem("NOT_FOUND", "there is no such fixture"),
    Hindrance.LIVE: Problem("FIXTURE_LIVE", "wait until it is over, or halt its clubs"),
    Hindrance.NOT_BEGUN: Problem("FIXTURE_NOT_BEGUN", "it has nothing to settle yet"),
    Hindrance.CLUB_IN_PLAY: Problem("CLUB_IN_PLAY", "wait until that match is settled"),
    Hindrance.OVERTAKEN: Problem("RESULT_OVERTAKEN", "take that result back first"),
}


def fixture_act_routes(deps: ApiDeps, listing: Listing) -> Blueprint:
    """The routes of this file that change fixtures."""
    routes = Blueprint("admin_fixtures", __name__)
    _results(routes, deps)
    _links(routes, deps, listing)
    return routes


def _results(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.post("/v1/admin/fixtures/<int:fixture_id>/resettle")
    @Operation(
        access=Access.ADMIN,
        body=ResultWanted,
        keyed=True,
        answers={200: FixtureSettled},
        refusals=_SETTLING,
    )
    def resettle_fixture(fixture_id: int) -> Response:
        """Set the result of a match anew."""
        claims = admin(deps)
        wanted, known = body(ResultWanted), _known(fixture_id)
        goals = Pair(wanted.home_goals, wanted.away_goals)
        what = asked(claims, "fixture.resettle", f"fixture {known}", wanted)
        acts = deps.operators.market.fixtures

        def resettle(begun: Begun) -> Done:
            tell = notes(deps, begun, _done)
            return _done(acts.resettle(known, goals, deps.calendar(), tell))

        return audited(deps, what, resettle)

    @routes.post("/v1/admin/fixtures/<int:fixture_id>/void")
    @Operation(
        access=Access.ADMIN,
        body=VoidWanted,
        keyed=True,
        answers={200: FixtureSettled},
        refusals=_SETTLING,
    )
    def void_fixture(fixture_id: int) -> Response:
        """Take the result of a match back, as if it had not been played."""
        claims = admin(deps)
        wanted, known = body(VoidWanted), _known(fixture_id)
        what = asked(claims, "fixture.void", f"fixture {known}", wanted)
        acts = deps.operators.market.fixtures

        def void(begun: Begun) -> Done:
            return _done(acts.void(known, deps.calendar(), notes(deps, begun, _done)))

        return audited(deps, what, void)


def _links(routes: Blueprint, deps: ApiDeps, listing: Listing) -> None:
    @routes.post("/v1/admin/fixtures/<int:fixture_id>/link")
    @Operation(
        access=Access.ADMIN,
        body=LinkWanted,
        keyed=True,
        answers={200: FixtureLinked},
        refusals=("NOT_FOUND", "INSTRUMENT_UNKNOWN", "CLUB_IN_PLAY", "OUTCOME_UNKNOWN"),
    )
    def link_fixture(fixture_id: int) -> Response:
        """Have the team of one side move another instrument."""
        claims = admin(deps)
        wanted, known = body(LinkWanted), _known(fixture_id)
        what = asked(claims, "fixture.link", f"fixture {known}", wanted)
        return audited(deps, what, lambda begun: _linked(deps, listing, known, wanted, begun))


def _known(fixture_id: int) -> int:
    if fixture_id > ID_MAX:
        raise Refuse(_PROBLEMS[Hindrance.UNKNOWN])
    return fixture_id


def _done(change: ResultChange | Hindrance) -> Done:
    if isinstance(change, Hindrance):
        raise Refuse(_PROBLEMS[change])
    before, after = _shown(change.before), _shown(change.after)
    return Done(after, before, after)


def _linked(
    deps: ApiDeps, listing: Listing, fixture: int, wanted: LinkWanted, begun: Begun
) -> Done:
    def done(linked: Linked) -> Done:
        before, after = (FixtureLinked(fixture, *pair) for pair in (linked.before, linked.after))
        return Done(after, before, after)

    idx = listing.idx_of(wanted.instrument, "/instrument")
    tell = notes(deps, begun, done)
    linked = deps.operators.market.links.link(fixture, wanted.side, idx, tell)
    if isinstance(linked, Hindrance):
        raise Refuse(_PROBLEMS[linked])
    return done(linked)


def _shown(row: FixtureRow) -> FixtureSettled:
    return FixtureSettled(
        id=row.id,
        phase=row.phase.value,
        settled=row.settled,
        voided=row.voided,
        score=Goals(*row.goals),
        home_idx=row.clubs.home,
        away_idx=row.clubs.away,
        before=_bases(row.start.bases if row.start else None),
        left=_bases(row.left),
    )


def _bases(pair: Pair | None) -> Bases | None:
    return None if pair is None else Bases(*map(format_px, pair))
