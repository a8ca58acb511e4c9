"""What is answered to commands on positions: what happened, just now or before, or why nothing."""

from __future__ import annotations

from flask import Response

from ..actors.trading.messages import Unavailable
from ..domain.ids import UserId
from ..domain.order_views import order_view
from ..domain.orders import DelayedOrder
from ..domain.position_events import PositionEvent
from ..domain.position_views import happened_view
from ..domain.refusals import Refusal, Refused
from ..store.commands import Accepted, Awaited, Filled, Replayed
from ..store.ledger import Ledger
from ..store.position_commands import Happened, HappenedBefore, OpenCommand
from .answers import json_answer
from .confirming import confirmed
from .desk import Answer
from .listing import Listing
from .order_form import PENDING
from .position_desk import Wish
from .position_problems import closed_problem, refused_problem, unavailable_problem
from .position_reader import PositionReader, last_close
from .problems import Problem, Refuse
from .versions import etag

_GONE = frozenset({Refusal.POSITION_CLOSED, Refusal.POSITION_UNKNOWN})


class PositionAnswers:
    """Answers commands; *reader* knows what happened before."""

    def __init__(self, reader: PositionReader, ledger: Ledger, listing: Listing) -> None:
        self._reader = reader
        self._ledger = ledger
        self._listing = listing

    def answer(self, user: UserId, wish: Wish, answer: Answer, status: int = 200) -> Response:
        """The response to *wish*. Raises Refuse."""
        if isinstance(answer, Unavailable):
            raise Refuse(unavailable_problem(wish, answer))
        match answer.outcome:
            case Happened(event):
                return self._told(event, answer.durable, status)
            case HappenedBefore(event):
                response = self._told(event, self._durable(user, event), status)
                response.headers["Idempotent-Replayed"] = "true"
                return response
            case Accepted(order):
                return self._waits(order, answer.durable)
            case Awaited(order):
                response = self._waits(order, self._recorded(user, order.order_id))
                response.headers["Idempotent-Replayed"] = "true"
                return response
            case Refused() as refused:
                raise Refuse(self._problem(user, wish, refused))
            case Filled() | Replayed():
                raise TypeError("a command on a position was taken for an order for shares")

    def _told(self, event: PositionEvent, durable: str | None, status: int) -> Response:
        symbol = self._listing.symbol_of(event.position.idx)
        response = json_answer(happened_view(event, symbol) | {"durable": durable}, status)
        response.headers["ETag"] = etag(event.position.number)
        return response

    def _waits(self, order: DelayedOrder, durable: str | None) -> Response:
        view = order_view(order, self._listing.symbol_of(order.idx))
        return json_answer(view | {"durable": durable}, PENDING)

    def _recorded(self, user: UserId, order_id: str) -> str:
        found = confirmed(lambda: bool(self._ledger.recorded(user, [order_id])), False)
        return "postgres" if found else "redis"

    def _durable(self, user: UserId, event: PositionEvent) -> str:
        """Where a replayed *event* is by now; what Postgres cannot confirm is in Redis."""
        found = confirmed(lambda: self._reader.records(user, event), False)
        return "postgres" if found else "redis"

    def _problem(self, user: UserId, wish: Wish, refused: Refused) -> Problem:
        if isinstance(wish, OpenCommand) or refused.code not in _GONE:
            return refused_problem(wish, refused)
        if refused.code is Refusal.POSITION_UNKNOWN:  # to Redis, which keeps closed ones for days
            found = self._reader.ended(user, wish.position.id)
            return closed_problem(found.position.reason or "", last_close(found))
        reason = str(refused.details["reason"])
        return closed_problem(reason, self._close_of(user, wish.position.id))

    def _close_of(self, user: UserId, position_id: str) -> PositionEvent | None:
        return confirmed(lambda: last_close(self._reader.ended(user, position_id)), None)
