"""Orders and own trades: `POST /v1/orders`, `GET /v1/orders/{id}`, `GET /v1/trades`."""

from __future__ import annotations

import uuid
from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..domain.ids import UserId
from ..domain.trading import Fill
from ..store.ledger import TradeCursor
from .answers import Cursors, json_answer, page_of
from .auth import caller
from .deps import ApiDeps
from .desk import Desk
from .listing import Listing
from .order_form import MADE, Made, OrderBody, read, recorded_by, told, view_of
from .problems import Problem, Refuse
from .validate import body, idempotency_key, query


class TradesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/trades`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None
    instrument: str | None = None


def order_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("orders", __name__)
    desk = Desk(deps.hot, deps.executor, deps.calendar, meter=deps.trades)

    @routes.post("/v1/orders")
    def place_order() -> Response:
        user = UserId(caller(deps).user)
        key = idempotency_key()
        wanted = read(user, key, body(OrderBody), listing)
        answer = desk.place(wanted)
        return _answer(told(wanted, answer, listing, recorded_by(deps.ledger, user, [answer])))

    @routes.get("/v1/orders/<order_id>")
    def one_order(order_id: str) -> Response:
        fill = deps.ledger.trade(UserId(caller(deps).user), _uuid(order_id))
        if fill is None:
            raise Refuse(Problem("NOT_FOUND", "no order of yours has this id"))
        return json_answer(view_of(fill, listing))

    @routes.get("/v1/trades")
    def own_trades() -> Response:
        user = UserId(caller(deps).user)
        wanted = query(TradesQuery)
        name = f"trades:{user}"
        rows = deps.ledger.trades(
            user,
            limit=wanted.limit + 1,
            before=_place(cursors.read(name, wanted.cursor)) if wanted.cursor else None,
            idx=listing.idx_of(wanted.instrument, "/instrument", "query")
            if wanted.instrument is not None
            else None,
        )

        def mark(fill: Fill) -> str:
            return cursors.issue(name, str(fill.at_ms), fill.trade_id)

        return json_answer(page_of(rows, wanted.limit, lambda fill: view_of(fill, listing), mark))

    return routes


def _answer(outcome: Made | Problem) -> Response:
    if isinstance(outcome, Problem):
        raise Refuse(outcome)
    response = json_answer(outcome.view, MADE)
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refuse(Problem("NOT_FOUND", "order ids are UUIDs; no order has this id")) from None


def _place(parts: list[str]) -> TradeCursor:
    at_ms, trade_id = parts
    return TradeCursor(int(at_ms), trade_id)
