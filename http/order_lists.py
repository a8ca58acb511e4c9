"""Orders of the past: `GET /v1/orders` and `/v1/orders/{id}`."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response

from ..domain.ids import UserId
from ..domain.orders import OrderStatus
from ..domain.position_views import happened_view
from ..domain.views import View
from ..protocol.orders import OrderShown
from ..protocol.pages import Page
from ..store.ledger import TradeCursor
from ..store.orders import Placed
from .answers import Cursors, json_answer, page_of
from .auth import caller
from .deps import ApiDeps
from .listing import Listing
from .operations import Access, Operation
from .order_form import pending_view, view_of
from .problems import Problem, Refuse
from .validate import query


class OrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/orders`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None
    status: Literal["pending", "filled", "rejected"] | None = None


def order_list_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("order_lists", __name__)

    @routes.get("/v1/orders/<order_id>")
    @Operation(access=Access.USER, answers={200: OrderShown})
    def one_order(order_id: str) -> Response:
        """One own order, with what became of it."""
        placed = deps.orders.one(UserId(caller(deps).user), _uuid(order_id))
        if placed is None:
            raise Refuse(Problem("NOT_FOUND", "no order of yours has this id"))
        return json_answer(_placed_view(placed, listing))

    @routes.get("/v1/orders")
    @Operation(access=Access.USER, query=OrdersQuery, answers={200: Page[OrderShown]})
    def own_orders() -> Response:
        """Own orders, newest first."""
        user = UserId(caller(deps).user)
        return json_answer(_orders_page(deps, listing, cursors, user, query(OrdersQuery)))

    return routes


def _orders_page(
    deps: ApiDeps, listing: Listing, cursors: Cursors, user: UserId, wanted: OrdersQuery
) -> dict[str, object]:
    name = f"orders:{user}:{wanted.status}"
    rows = deps.orders.page(
        user,
        limit=wanted.limit + 1,
        before=_place(cursors.read(name, wanted.cursor)) if wanted.cursor else None,
        status=OrderStatus(wanted.status) if wanted.status else None,
    )

    def mark(placed: Placed) -> str:
        return cursors.issue(name, str(placed.at.at_ms), placed.at.trade_id)

    return page_of(rows, wanted.limit, lambda placed: _placed_view(placed, listing), mark)


def _placed_view(placed: Placed, listing: Listing) -> View:
    """An order with what became of it; its trade's own members say what was traded."""
    waited = pending_view(placed.order, listing) if placed.order else {}
    if placed.event is not None:
        symbol = listing.symbol_of(placed.event.position.idx)
        return waited | happened_view(placed.event, symbol)
    return waited | (view_of(placed.fill, listing) if placed.fill else {})


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refuse(Problem("NOT_FOUND", "order ids are UUIDs; no order has this id")) from None


def _place(parts: list[str]) -> TradeCursor:
    at_ms, trade_id = parts
    return TradeCursor(int(at_ms), trade_id)
