"""`GET /v1/instruments/{instrument}/trades`: what was traded, and not by whom."""

from __future__ import annotations

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.money import format_e4, format_px, format_qty
from ..domain.views import View
from ..protocol.market import Printed
from ..protocol.pages import Page
from ..store.tape import FIRST, Print
from .answers import Cursors, json_answer, page_of
from .deps import ApiDeps
from .listing import Listing
from .operations import Operation
from .validate import query


class TapeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/instruments/{instrument}/trades`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None


def tape_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The route of this file; open to everybody."""
    routes = Blueprint("tape", __name__)

    @routes.get("/v1/instruments/<instrument>/trades")
    @Operation(
        query=TapeQuery,
        answers={200: Page[Printed]},
        refusals=("INSTRUMENT_UNKNOWN",),
    )
    def tape(instrument: str) -> Response:
        """Every trade in an instrument, newest first, and not who made it."""
        idx, wanted = listing.idx_of(instrument, "/instrument", "path"), query(TapeQuery)
        # A list of its own for each instrument: a number of one says nothing of another.
        place = f"tape:{idx}"
        before = int(cursors.read(place, wanted.cursor)[0]) if wanted.cursor else FIRST
        found = deps.tape.read(idx, limit=wanted.limit + 1, before=before)

        def mark(row: Print) -> str:
            return cursors.issue(place, str(row.seq))

        return json_answer(page_of(found, wanted.limit, _view, mark))

    return routes


def _view(row: Print) -> View:
    return {
        "seq": row.seq,
        "kind": row.kind,
        "side": row.side.value,
        "quantity": format_qty(row.qty),
        "price": format_px(row.px),
        "value": format_e4(row.value_e4),
        "tick": row.tick_id,
        "executed_at": rfc3339(row.at_ms),
    }
