"""Orders and own trades: `POST /v1/orders`, `GET /v1/orders/{id}`, `GET /v1/trades`."""

from __future__ import annotations

import hashlib
import uuid
from typing import Annotated

import msgspec
from flask import Blueprint, Response

from ..actors.trading.messages import Executed, Unavailable
from ..domain.ids import UserId
from ..domain.refusals import Refused
from ..domain.trading import Fill, Side
from ..domain.views import View, fill_view
from ..store.commands import Filled, Replayed
from ..store.ledger import TradeCursor
from ..store.outage import OUTAGES
from .answers import Cursors, json_answer, page_of
from .auth import caller
from .deps import ApiDeps
from .desk import Desk, Wanted
from .errors import unavailable
from .listing import Listing
from .problems import Problem, Refuse
from .refusals import refusal
from .validate import Name, body, idempotency_key, invalid, money, price, quantity, query


class OrderBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Body of `POST /v1/orders`; exactly one of quantity and notional."""

    instrument: int | str
    side: Side
    quantity: str | None = None
    notional: str | None = None
    price_bound: str | None = None
    client_order_id: Name | None = None

    def fingerprint(self) -> str:
        """Digest of what was asked: two bodies that read the same have the same one."""
        canonical = b"POST /v1/orders\n" + msgspec.json.encode(self)
        return hashlib.sha256(canonical).hexdigest()


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
        wanted = _wanted(user, key, body(OrderBody), listing)
        return _answer(deps, listing, wanted, desk.place(wanted))

    @routes.get("/v1/orders/<order_id>")
    def one_order(order_id: str) -> Response:
        fill = deps.ledger.trade(UserId(caller(deps).user), _uuid(order_id))
        if fill is None:
            raise Refuse(Problem("NOT_FOUND", "no order of yours has this id"))
        return json_answer(_view(fill, listing))

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

        return json_answer(page_of(rows, wanted.limit, lambda fill: _view(fill, listing), mark))

    return routes


def _wanted(user: UserId, key: str, asked: OrderBody, listing: Listing) -> Wanted:
    if (asked.quantity is None) == (asked.notional is None):
        raise invalid("/quantity", "give either quantity or notional")
    return Wanted(
        user=user,
        idx=listing.idx_of(asked.instrument, "/instrument"),
        side=asked.side,
        qty=None if asked.quantity is None else quantity(asked.quantity, "/quantity"),
        notional_e4=None if asked.notional is None else money(asked.notional, "/notional"),
        bound_px=None if asked.price_bound is None else price(asked.price_bound, "/price_bound"),
        client_order_id=asked.client_order_id,
        idem_key=key,
        fingerprint=asked.fingerprint(),
    )


def _answer(
    deps: ApiDeps, listing: Listing, wanted: Wanted, answer: Executed | Unavailable
) -> Response:
    if isinstance(answer, Unavailable):
        detail = f"{answer.reason}; repeat the order with the same Idempotency-Key"
        raise Refuse(unavailable(detail, "OUTCOME_UNKNOWN" if answer.tried else "UNAVAILABLE"))
    match answer.outcome:
        case Refused() as refused:
            size = "/quantity" if wanted.notional_e4 is None else "/notional"
            raise Refuse(refusal(refused, size))
        case Filled(fill):
            return json_answer(_view(fill, listing) | {"durable": answer.durable}, 201)
        case Replayed(fill):
            view = _view(fill, listing) | {"durable": _durable(deps, fill)}
            response = json_answer(view, 201)
            response.headers["Idempotent-Replayed"] = "true"
            return response


def _durable(deps: ApiDeps, fill: Fill) -> str:
    """Where a trade made earlier is by now; what Postgres cannot confirm is in Redis."""
    try:
        return "postgres" if deps.ledger.trade(fill.user, fill.trade_id) else "redis"
    except OUTAGES:
        return "redis"


def _view(fill: Fill, listing: Listing) -> View:
    return fill_view(fill, listing.symbol_of(fill.idx))


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refuse(Problem("NOT_FOUND", "order ids are UUIDs; no order has this id")) from None


def _place(parts: list[str]) -> TradeCursor:
    at_ms, trade_id = parts
    return TradeCursor(int(at_ms), trade_id)
