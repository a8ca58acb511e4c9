"""Instruments: the list, one of them, a quote, and the ticks a client missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response

from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument
from ..domain.money import format_e4, format_px, format_qty
from ..domain.orders import delay_now_ms
from ..domain.refusals import Refused
from ..domain.trading import Priced, Side, priced
from ..domain.views import View, tick_view
from ..protocol.instruments import InstrumentShown, Quote, TickShown
from ..protocol.pages import All, Page
from .answers import Cursors, json_answer, page_of, tagged_answer
from .deps import ApiDeps
from .instrument_rows import InstrumentRows
from .listing import Listing
from .operations import Operation
from .outlooks import KnownOutlooks
from .problems import FieldError, Problem, Refuse
from .quotes import QuoteQuery, impact_bps, position_quote, side_of
from .refusals import QUOTE_REFUSALS, refusal
from .validate import invalid, quantity, query

_LIST = "instruments"

#: Tells which instrument a part of the path means. Raises Refuse.
Named = Callable[[str], InstrumentIdx]

TickId = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A[0-9]{1,15}-[0-9]{1,15}\Z",
        description="must be a tick id such as 1785587301852-0",
    ),
]


class InstrumentsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/instruments`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None
    status: Literal["open", "halted"] | None = None
    league: str | None = None


class TicksQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/instruments/{idx}/ticks`; `after` is a tick id."""

    after: TickId | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


def market_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The routes of this file; open to everybody."""
    routes = Blueprint("markets", __name__)
    outlooks = KnownOutlooks(deps.outlooks.read, deps.calendar)

    def named(name: str) -> InstrumentIdx:
        return listing.idx_of(name, "/instrument", "path")

    _add_instruments(routes, deps, outlooks, cursors, named)
    _add_prices(routes, deps, named)
    return routes


def _add_instruments(
    routes: Blueprint, deps: ApiDeps, outlooks: KnownOutlooks, cursors: Cursors, named: Named
) -> None:
    rows = InstrumentRows(outlooks, deps.inplay_delay_ms)

    @routes.get("/v1/instruments")
    @Operation(query=InstrumentsQuery, answers={200: Page[InstrumentShown]}, tagged=True)
    def all_instruments() -> Response:
        """Instruments by `idx`."""
        return tagged_answer(_page(deps, outlooks, rows, cursors, query(InstrumentsQuery)))

    @routes.get("/v1/instruments/<instrument>")
    @Operation(
        answers={200: InstrumentShown},
        refusals=("INSTRUMENT_UNKNOWN",),
        tagged=True,
    )
    def one_instrument(instrument: str) -> Response:
        """One instrument."""
        outlooks.look()
        return tagged_answer(rows.view(_read(deps, named(instrument))))


def _add_prices(routes: Blueprint, deps: ApiDeps, named: Named) -> None:
    @routes.get("/v1/instruments/<instrument>/quote")
    @Operation(query=QuoteQuery, answers={200: Quote}, refusals=QUOTE_REFUSALS)
    def one_quote(instrument: str) -> Response:
        """What an order or a position would cost now."""
        idx, wanted = named(instrument), query(QuoteQuery)
        qty = quantity(wanted.quantity, "/quantity", "query")
        found = _read(deps, idx)
        if wanted.kind == "cfd":
            view = position_quote(found, wanted, qty, deps.calendar())
        else:
            view = _share_quote(found, wanted, qty)
        return json_answer(view | {"delay_ms": delay_now_ms(found, deps.inplay_delay_ms)})

    @routes.get("/v1/instruments/<instrument>/ticks")
    @Operation(
        query=TicksQuery,
        answers={200: All[TickShown]},
        refusals=("INSTRUMENT_UNKNOWN", "TICK_TRIMMED"),
    )
    def ticks(instrument: str) -> Response:
        """Every single price, oldest first: those behind a tick, or the newest."""
        idx, wanted = named(instrument), query(TicksQuery)
        if wanted.after is not None:
            _refuse_trimmed(deps, idx, wanted.after)
        found = deps.hot.ticks(idx, wanted.after, wanted.limit)
        return json_answer({"data": [tick_view(tick) for tick in found]})


def _page(
    deps: ApiDeps,
    outlooks: KnownOutlooks,
    rows: InstrumentRows,
    cursors: Cursors,
    wanted: InstrumentsQuery,
) -> dict[str, object]:
    after = int(cursors.read(_LIST, wanted.cursor)[0]) if wanted.cursor else 0
    outlooks.look()
    found = [
        one
        for one in deps.hot.instruments()
        if one.idx > after
        and wanted.status in (None, "halted" if one.halt else "open")
        and (wanted.league is None or outlooks.of(one.idx).plays_in(wanted.league))
    ]
    return page_of(
        found,
        wanted.limit,
        rows.encoded,
        lambda row: cursors.issue(_LIST, str(row.idx)),
    )


def _read(deps: ApiDeps, idx: InstrumentIdx) -> Instrument:
    instrument = deps.hot.instrument(idx)
    if instrument is None:
        raise Refuse(Problem("INSTRUMENT_UNKNOWN", "there is no such instrument any more"))
    return instrument


def _share_quote(instrument: Instrument, wanted: QuoteQuery, qty: int) -> View:
    """What trading shares would come to if it were the next order. Raises Refuse."""
    if wanted.leverage is not None:
        raise invalid("/leverage", "is for kind=cfd alone", "query")
    side = side_of(wanted.side, Side)
    price = priced(instrument, side, qty)
    if isinstance(price, Refused):
        raise Refuse(refusal(price, "/quantity", "query"))
    return _quote_view(instrument, side, qty, price)


def _quote_view(instrument: Instrument, side: Side, qty: int, price: Priced) -> View:
    fee_e4 = price.fee_e4 if side is Side.BUY else -price.fee_e4
    return {
        "instrument": instrument.idx,
        "symbol": instrument.symbol,
        "kind": "spot",
        "side": side.value,
        "quantity": format_qty(qty),
        "average_price": format_px(price.px),
        "value": format_e4(price.value_e4),
        "fee": format_e4(price.fee_e4),
        "total": format_e4(price.value_e4 + fee_e4),
        "impact_bps": impact_bps(instrument, price.px),
        "seq": instrument.seq,
    }


def _refuse_trimmed(deps: ApiDeps, idx: InstrumentIdx, after: str) -> None:
    """Raise Refuse if ticks right behind *after* may have been trimmed away."""
    oldest = deps.hot.ticks(idx, "0-0", 1)
    if oldest and (oldest[0].seq == 1 or _order(oldest[0].id) <= _order(after)):
        return
    instrument = deps.hot.instrument(idx)
    if not oldest and (instrument is None or instrument.seq == 0):
        return  # it never ticked: nothing can be missing
    error = FieldError("/after", "is older than the oldest tick kept", "query")
    extensions = {"oldest": oldest[0].id if oldest else None}
    raise Refuse(Problem("TICK_TRIMMED", "start again from a snapshot", (error,), extensions))


def _order(tick_id: str) -> tuple[int, ...]:
    return tuple(map(int, tick_id.split("-")))
