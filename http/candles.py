"""Candles of an instrument: what charts are drawn from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.candles import Interval
from ..domain.views import candle_view
from ..protocol.instruments import Candles
from .answers import json_answer
from .deps import ApiDeps
from .listing import Listing
from .operations import Operation
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

    @routes.get("/v1/instruments/<instrument>/candles")
    @Operation(
        query=CandlesQuery,
        answers={200: Candles},
        refusals=("INSTRUMENT_UNKNOWN",),
    )
    def candles(instrument: str) -> Response:
        """What prices did in each second, minute, hour or day, oldest first.

        Each is its time, then open, high, low and close of the mid, then the volume in shares.
        """
        idx, wanted = listing.idx_of(instrument, "/instrument", "path"), query(CandlesQuery)
        found = deps.candles.read(
            idx,
            wanted.interval,
            start_ms=instant_ms(wanted.start, "/from"),
            end_ms=instant_ms(wanted.end, "/to"),
            limit=wanted.limit,
        )
        return json_answer({"data": [candle_view(candle) for candle in found]})

    return routes
