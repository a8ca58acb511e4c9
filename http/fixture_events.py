"""`GET /v1/fixtures/{id}/events`: what happened in a match."""

from __future__ import annotations

from flask import Blueprint, Response

from ..domain.fixture_events import fixture_event_view, fixture_events, named
from ..protocol.market import FixtureEvent
from ..protocol.pages import All
from .answers import tagged_answer
from .deps import ApiDeps
from .fixtures import ID_MAX
from .operations import Operation
from .problems import Problem, Refuse


def fixture_event_routes(deps: ApiDeps) -> Blueprint:
    """The route of this file; open to everybody."""
    routes = Blueprint("fixture_events", __name__)

    @routes.get("/v1/fixtures/<int:fixture_id>/events")
    @Operation(answers={200: All[FixtureEvent]}, tagged=True)
    def one_fixture_events(fixture_id: int) -> Response:
        """What was seen of a fixture, oldest first."""
        looks = deps.fixtures.looks(fixture_id) if fixture_id <= ID_MAX else None
        if looks is None:
            raise Refuse(Problem("NOT_FOUND", "there is no such fixture"))
        events = named(fixture_events(looks), deps.fixtures.happenings(fixture_id))
        return tagged_answer({"data": [fixture_event_view(each) for each in events]})

    return routes
