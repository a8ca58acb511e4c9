"""`GET /v1/admin/feed`: how the feed is read.

Source: docs/protocol.md, "Admin: the market".
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.fixtures import Fixture
from ..domain.halts import Halt, Phase
from ..protocol.admin_markets import FeedFixture, FeedReport
from ..protocol.shapes import Goals
from .answers import json_answer
from .auth import admin
from .deps import ApiDeps
from .operations import Access, Operation


def feed_routes(deps: ApiDeps) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("admin_feed", __name__)

    @routes.get("/v1/admin/feed")
    @Operation(access=Access.ADMIN, answers={200: FeedReport})
    def feed_report() -> Response:
        """How the feed is read."""
        admin(deps)
        return json_answer(_feed(deps, deps.hot.feed_health(), deps.calendar()))

    return routes


def _feed(deps: ApiDeps, said: Mapping[str, str], now_ms: int) -> FeedReport:
    last_ok, last_error, left = (
        _number(said, name) for name in ("last_ok", "last_err", "remaining")
    )
    unsettled = deps.fixtures.unsettled()
    failing = said.get("state") == "failing"
    return FeedReport(
        state=said.get("state"),
        error=said.get("error") if failing else None,
        last_ok=None if last_ok is None else rfc3339(last_ok),
        age_ms=None if last_ok is None else max(0, now_ms - last_ok),
        last_error=None if last_error is None else rfc3339(last_error),
        listing=said.get("listing"),
        calls_left=left,
        stale=tuple(each.idx for each in deps.hot.instruments() if Halt.FEED_STALE in each.halt),
        scheduled=sum(each.phase is Phase.SCHEDULED for each in unsettled),
        open=tuple(_shown(each) for each in unsettled if each.phase is not Phase.SCHEDULED),
    )


def _number(said: Mapping[str, str], name: str) -> int | None:
    return int(said[name]) if name in said else None


def _shown(fixture: Fixture) -> FeedFixture:
    return FeedFixture(
        id=fixture.id,
        starting_at=rfc3339(fixture.kickoff_ms),
        state=fixture.state,
        phase=fixture.phase.value,
        minute=fixture.minute,
        home=fixture.home.symbol,
        away=fixture.away.symbol,
        score=Goals(*fixture.score),
    )
