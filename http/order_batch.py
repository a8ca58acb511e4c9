"""Several orders in one request: `POST /v1/orders/batch`.

A fault of form in any order refuses the request before anything is carried
out: whoever wrote it meant something else, and perhaps of the others too. What
the market refuses concerns one order, and is that order's result.

Source: docs/protocol.md, "Batches", and docs/decisions/0012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import msgspec
from flask import Blueprint, Response, g, request

from ..domain.ids import UserId
from ..protocol.orders import BatchResults
from .answers import json_answer
from .auth import caller, holder
from .deps import ApiDeps
from .desk import Desk, Wanted
from .limits import counts_as
from .listing import Listing
from .operations import Access, Operation
from .order_form import Made, OrderBody, read, recorded_by, told
from .problems import FieldError, Problem, Refuse
from .timing import timed
from .validate import Name, invalid, parsed, raw_body

ORDERS_MAX = 50  #: in one batch; docs/protocol.md, "Batches"


class BatchOrder(OrderBody, frozen=True, kw_only=True):
    """One order of a batch."""

    idempotency_key: Name

    def alone(self) -> OrderBody:
        """The same order as `POST /v1/orders` would take it: it may be repeated there."""
        return OrderBody(**{name: getattr(self, name) for name in OrderBody.__struct_fields__})


class BatchBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /v1/orders/batch`."""

    orders: Annotated[list[BatchOrder], msgspec.Meta(min_length=1, max_length=ORDERS_MAX)]


class _Apart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same, where each order is to be taken apart by itself, to name every fault."""

    orders: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=ORDERS_MAX)]


def batch_routes(deps: ApiDeps, desk: Desk, listing: Listing) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("order_batch", __name__)

    @routes.post("/v1/orders/batch")
    @Operation(access=Access.USER, body=BatchBody, answers={200: BatchResults})
    def place_orders() -> Response:
        """Place up to 50 orders, one after the other.

        What the market refuses concerns one order, and is its result; a fault of form refuses all.
        If any result is a 503, the answer has `Retry-After`.
        """
        holder(deps)  # by the token alone, for the orders are counted before anything is waited for
        raw = raw_body()
        lines = parsed(raw, _Apart, members_once=False).orders
        counts_as(deps, len(lines))
        user = UserId(caller(deps).user)
        orders = _read_all(raw, lines, user, listing)
        wanted = [order for order in orders if isinstance(order, Wanted)]
        answers = timed("trade", lambda: desk.place_all(wanted))
        recorded = recorded_by(deps.ledger, user, answers)
        outcomes = (
            told(order, answer, listing, recorded)
            for order, answer in zip(wanted, answers, strict=True)
        )
        return _answer(
            [order if isinstance(order, Problem) else next(outcomes) for order in orders]
        )

    return routes


def _read_all(
    raw: bytes, lines: Sequence[msgspec.Raw], user: UserId, listing: Listing
) -> list[Wanted | Problem]:
    """Every order, or why the market has none such. Raises Refuse for faults of form, all named."""
    found: list[Wanted | Problem] = []
    faults: list[FieldError] = []
    keys: set[str] = set()
    for at, one in enumerate(lines):
        try:
            found.append(_read(bytes(one), keys, user, listing))
        except Refuse as refuse:
            if refuse.problem.code == "MALFORMED_JSON":
                raise
            faults += _placed(at, refuse.problem).errors
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        detail = f"{faults[0].pointer[1:]}: {faults[0].detail}{more}; nothing was traded"
        raise Refuse(Problem("VALIDATION", detail, tuple(faults)))
    parsed(raw, _Apart)  # only now, for it cannot tell in which order a member is there twice
    return found


def _read(raw: bytes, keys: set[str], user: UserId, listing: Listing) -> Wanted | Problem:
    asked = parsed(raw, BatchOrder)
    key = asked.idempotency_key
    if key in keys:
        raise invalid("/idempotency_key", "is the key of another order of this batch")
    keys.add(key)
    try:
        return read(user, key, asked.alone(), listing)
    except Refuse as refuse:
        if refuse.problem.code != "INSTRUMENT_UNKNOWN":
            raise
        return refuse.problem


def _answer(outcomes: Sequence[Made | Problem]) -> Response:
    response = json_answer({"results": [_result(at, each) for at, each in enumerate(outcomes)]})
    for outcome in outcomes:
        if isinstance(outcome, Problem):
            response.headers.update(outcome.headers)
    return response


def _result(at: int, outcome: Made | Problem) -> dict[str, object]:
    if isinstance(outcome, Made):
        return {"status": outcome.status, "order": outcome.view, "replayed": outcome.replayed}
    body = _placed(at, outcome).body(request.path, g.get("request_id", ""))
    return {"status": outcome.status, "problem": msgspec.Raw(body)}


def _placed(at: int, problem: Problem) -> Problem:
    """*problem* of an order with pointers to where the order is in the batch."""
    order = f"/orders/{at}"
    errors = (
        FieldError(order + error.pointer, error.detail)
        if error.place == "body"
        else FieldError(f"{order}/idempotency_key", error.detail)  # where alone it is a header
        for error in problem.errors
    )
    return replace(problem, errors=tuple(errors))
