"""Placing an order: `POST /v1/orders`."""

from __future__ import annotations

from flask import Blueprint, Response

from ..domain.ids import UserId
from ..protocol.orders import OrderFilled, OrderPending
from .answers import json_answer
from .auth import caller
from .deps import ApiDeps
from .desk import Desk
from .listing import Listing
from .operations import Access, Operation
from .order_form import Made, OrderBody, read, recorded_by, told
from .problems import Problem, Refuse
from .refusals import ORDER_REFUSALS
from .timing import timed
from .validate import body, idempotency_key


def order_routes(deps: ApiDeps, desk: Desk, listing: Listing) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("orders", __name__)

    @routes.post("/v1/orders")
    @Operation(
        access=Access.USER,
        body=OrderBody,
        keyed=True,
        answers={201: OrderFilled, 202: OrderPending},
        refusals=ORDER_REFUSALS,
    )
    def place_order() -> Response:
        """Buy or sell shares: filled at once, or taken to wait in play.

        Exactly one of `quantity` and `notional` is given.
        """
        user = UserId(caller(deps).user)
        key = idempotency_key()
        wanted = read(user, key, body(OrderBody), listing)
        answer = timed("trade", lambda: desk.place(wanted))
        return _answer(told(wanted, answer, listing, recorded_by(deps.ledger, user, [answer])))

    return routes


def _answer(outcome: Made | Problem) -> Response:
    if isinstance(outcome, Problem):
        raise Refuse(outcome)
    response = json_answer(outcome.view, outcome.status)
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
