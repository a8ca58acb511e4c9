"""Fixtures: the list and one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.fixture_views import fixture_view
from ..domain.fixtures import Fixture
from ..domain.halts import Phase
from ..protocol.pages import Page
from ..protocol.shapes import FixtureShown
from .answers import Cursors, page_of, tagged_answer
from .deps import ApiDeps
from .listing import Listing
from .operations import Operation
from .problems import Problem, Refuse
from .validate import instant_ms, query

_LIST = "fixtures"

ID_MAX = 2**63 - 1  #: largest id Postgres can be asked for


class FixturesQuery(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"start": "from", "end": "to"},
):
    """Query of `GET /v1/fixtures`; kick-off from `from` on and before `to`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None
    start: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    end: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    status: Phase | None = None
    team: str | None = None


def fixture_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The routes of this file; open to everybody."""
    routes = Blueprint("fixtures", __name__)

    @routes.get("/v1/fixtures")
    @Operation(
        query=FixturesQuery,
        answers={200: Page[FixtureShown]},
        refusals=("INSTRUMENT_UNKNOWN",),
        tagged=True,
    )
    def all_fixtures() -> Response:
        """Fixtures by kick-off."""
        wanted = query(FixturesQuery)
        rows = deps.fixtures.list_fixtures(
            start_ms=instant_ms(wanted.start, "/from"),
            end_ms=instant_ms(wanted.end, "/to"),
            phase=wanted.status,
            club=listing.idx_of(wanted.team, "/team", "query") if wanted.team is not None else None,
            after=_place(cursors.read(_LIST, wanted.cursor)) if wanted.cursor else None,
            limit=wanted.limit + 1,
        )

        def mark(row: Fixture) -> str:
            return cursors.issue(_LIST, str(row.kickoff_ms), str(row.id))

        return tagged_answer(page_of(rows, wanted.limit, fixture_view, mark))

    @routes.get("/v1/fixtures/<int:fixture_id>")
    @Operation(answers={200: FixtureShown}, tagged=True)
    def one_fixture(fixture_id: int) -> Response:
        """One fixture."""
        row = deps.fixtures.fixture(fixture_id) if fixture_id <= ID_MAX else None
        if row is None:
            raise Refuse(Problem("NOT_FOUND", "there is no such fixture"))
        return tagged_answer(fixture_view(row))

    return routes


def _place(parts: list[str]) -> tuple[int, int]:
    kickoff_ms, fixture_id = parts
    return int(kickoff_ms), int(fixture_id)
