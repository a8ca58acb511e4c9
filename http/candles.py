"""Candles of an instrument: what charts are drawn from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.candles import Interval
from ..domain.views import candle_view
from .answers import json_answer
from .deps import ApiDeps
from .listing import Listing
from .validate import instant_ms, query


class CandlesQuery(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"start": "from", "end": "to"},
):
    """Query of `GET /v1/instruments/{idx}/candles`; they begin from `from` on and before `to`."""

    interval: Interval = Interval.MINUTE
    start: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    end: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


def candle_routes(deps: ApiDeps, listing: Listing) -> Blueprint:
    """The route of this file; open to everybody."""
    routes = Blueprint("candles", __name__)

    @routes.get("/v1/instruments/<name>/candles")
    def candles(name: str) -> Response:
        idx, wanted = listing.idx_of(name, "/instrument", "path"), query(CandlesQuery)
        found = deps.candles.read(
            idx,
            wanted.interval,
            start_ms=instant_ms(wanted.start, "/from"),
            end_ms=instant_ms(wanted.end, "/to"),
            limit=wanted.limit,
        )
        return json_answer({"data": [candle_view(candle) for candle in found]})

    return routes
