"""`GET /v1/events`: everything that happened to the caller's account, from a place in it on.

Source: docs/protocol.md, "The journal".
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.ids import InstrumentIdx, UserId
from ..domain.pushes import PortfolioEvent
from ..domain.views import View, portfolio_update_view
from ..protocol.forms import SAFE_INTEGER
from ..protocol.journal import JournalPage
from ..store.journal import Happening
from .answers import json_answer
from .auth import caller
from .deps import ApiDeps
from .listing import Listing
from .operations import Access, Operation
from .validate import query


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/events`; without `after` it is the newest that is wanted."""

    after: Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100


def event_routes(deps: ApiDeps, listing: Listing) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("events", __name__)

    @routes.get("/v1/events")
    @Operation(access=Access.USER, query=EventsQuery, answers={200: JournalPage})
    def own_events() -> Response:
        """What happened to the account, oldest first: behind an event, or the newest."""
        user, wanted = UserId(caller(deps).user), query(EventsQuery)
        if wanted.after is None:
            found, more = deps.journal.newest(user, wanted.limit), False
        else:
            found = deps.journal.after(user, wanted.after, wanted.limit + 1)
            found, more = found[: wanted.limit], len(found) > wanted.limit
        last = found[-1].turn if found else wanted.after or 0
        views = [_view(each, listing) for each in found]
        return json_answer({"data": views, "last_id": last, "has_more": more})

    return routes


def _view(happening: Happening, listing: Listing) -> View:
    idx = happening.idx
    symbol = "" if idx is None else listing.symbol_of(InstrumentIdx(idx))
    event = PortfolioEvent(happening.turn, happening.push(symbol))
    return {
        "id": happening.turn,
        "event": event.name,
        "at": rfc3339(happening.at_ms),
        "durable": "postgres" if happening.durable else "redis",
        "data": portfolio_update_view(event),
    }
