"""`GET /v1/trades`: what the caller has traded, as JSON or as CSV."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Response, request

from ..domain.ids import UserId
from ..domain.trading import Fill
from ..protocol.pages import Page
from ..protocol.shapes import FillMade
from ..store.ledger import TradeCursor
from .answers import Cursors, json_answer, page_of
from .auth import caller, holder
from .deps import ApiDeps
from .limits import counts_as
from .listing import Listing
from .operations import Access, Operation
from .order_form import view_of
from .spreadsheet import CSV, csv_answer, wants_csv
from .validate import instant_ms, invalid, query

PAGE_MAX = 200  #: trades in one answer of JSON
PAGE = 50  #: if nothing is asked for
CSV_MAX = 5000  #: lines, and as many if nothing is asked for: some 800 KB, made at once

_COLUMNS = tuple(each.name for each in msgspec.structs.fields(FillMade))


class TradesQuery(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"start": "from", "end": "to"},
):
    """Query of `GET /v1/trades`; executed from `from` on and before `to`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=CSV_MAX)] | None = None
    cursor: str | None = None
    instrument: str | None = None
    start: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    end: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def trade_list_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("trade_lists", __name__)

    @routes.get("/v1/trades")
    @Operation(
        access=Access.USER,
        query=TradesQuery,
        answers={200: Page[FillMade]},
        refusals=("INSTRUMENT_UNKNOWN",),
        also=(CSV,),
    )
    def own_trades() -> Response:
        """Own trades, newest first, up to 200 at once; as CSV up to 5,000."""
        holder(deps)  # by the token alone, for all lines are counted before anything is waited for
        wanted, as_csv = query(TradesQuery), wants_csv()
        limit = _limit(wanted, as_csv=as_csv)
        counts_as(deps, _reads(limit))
        page = _page(deps, listing, cursors, UserId(caller(deps).user), wanted, limit)
        counts_as(deps, _reads(len(page["data"])))  # what was not there costs nothing
        response = _csv(page) if as_csv else json_answer(page)
        response.headers["Vary"] = "Accept"
        return response

    return routes


def _reads(lines: int) -> int:
    """What so many lines count as: the largest page of JSON is one read."""
    return max(1, -(-lines // PAGE_MAX))


def _limit(wanted: TradesQuery, *, as_csv: bool) -> int:
    if wanted.limit is None:
        return CSV_MAX if as_csv else PAGE
    if not as_csv and wanted.limit > PAGE_MAX:
        raise invalid("/limit", f"must be at most {PAGE_MAX}, but for text/csv", "query")
    return wanted.limit


def _page(
    deps: ApiDeps,
    listing: Listing,
    cursors: Cursors,
    user: UserId,
    wanted: TradesQuery,
    limit: int,
) -> dict[str, Any]:
    name, idx = f"trades:{user}", None
    if wanted.instrument is not None:
        idx = listing.idx_of(wanted.instrument, "/instrument", "query")
    rows = deps.ledger.trades(
        user,
        limit=limit + 1,
        before=_place(cursors.read(name, wanted.cursor)) if wanted.cursor else None,
        idx=idx,
        start_ms=instant_ms(wanted.start, "/from"),
        end_ms=instant_ms(wanted.end, "/to"),
    )

    def mark(fill: Fill) -> str:
        return cursors.issue(name, str(fill.at_ms), fill.trade_id)

    return page_of(rows, limit, lambda fill: view_of(fill, listing), mark)


def _csv(page: dict[str, object]) -> Response:
    rows: Any = page["data"]
    cursor = page["next_cursor"]
    more = None
    if cursor is not None:
        more = f"{request.path}?{urlencode({**request.args, 'cursor': str(cursor)})}"
    return csv_answer("trades.csv", _COLUMNS, rows, more)


def _place(parts: list[str]) -> TradeCursor:
    at_ms, trade_id = parts
    return TradeCursor(int(at_ms), trade_id)
