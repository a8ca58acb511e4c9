"""One order: how it is read from a request, and how its outcome is told."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from ..actors.trading.messages import Unavailable
from ..domain.ids import UserId
from ..domain.order_views import order_view
from ..domain.orders import DelayedOrder
from ..domain.refusals import Refused
from ..domain.trading import Fill, Side
from ..domain.views import View, fill_view
from ..store.commands import Accepted, Awaited, Filled, Replayed
from ..store.ledger import Ledger
from ..store.position_commands import Happened, HappenedBefore
from .confirming import confirmed
from .desk import Answer, Wanted
from .errors import unavailable
from .listing import Listing
from .problems import Problem
from .refusals import refusal
from .validate import (
    InstrumentName,
    MoneyText,
    Name,
    PriceText,
    QuantityText,
    invalid,
    money,
    price,
    quantity,
)

FILLED = 201  #: the status of an order that became a trade, now or when it was sent before
PENDING = 202  #: the status of an order that has to wait, or had to when it was sent before


class OrderBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Body of `POST /v1/orders`; exactly one of quantity and notional."""

    instrument: InstrumentName
    side: Side
    quantity: QuantityText | None = None
    notional: MoneyText | None = None
    price_bound: PriceText | None = None
    client_order_id: Name | None = None

    def fingerprint(self) -> str:
        """Digest of what was asked: two bodies that read the same have the same one."""
        canonical = b"POST /v1/orders\n" + msgspec.json.encode(self)
        return hashlib.sha256(canonical).hexdigest()


@dataclass(frozen=True, slots=True)
class Made:
    """An order as its owner is told of it; *replayed* if an earlier request had placed it."""

    view: View
    status: int
    replayed: bool = False


def read(user: UserId, key: str, asked: OrderBody, listing: Listing) -> Wanted:
    """The order that *asked* describes. Raises Refuse.

    An unknown instrument is found last: whatever else is refused is a fault of the form.
    """
    if (asked.quantity is None) == (asked.notional is None):
        raise invalid("/quantity", "give either quantity or notional")
    return Wanted(
        qty=None if asked.quantity is None else quantity(asked.quantity, "/quantity"),
        notional_e4=None if asked.notional is None else money(asked.notional, "/notional"),
        bound_px=None if asked.price_bound is None else price(asked.price_bound, "/price_bound"),
        idx=listing.idx_of(asked.instrument, "/instrument"),
        user=user,
        side=asked.side,
        client_order_id=asked.client_order_id,
        idem_key=key,
        fingerprint=asked.fingerprint(),
    )


def told(
    wanted: Wanted, answer: Answer, listing: Listing, recorded: Collection[str]
) -> Made | Problem:
    """The outcome of *wanted*; of a replayed one *recorded* says whether Postgres has it."""
    if isinstance(answer, Unavailable):
        detail = f"{answer.reason}; repeat the order with the same Idempotency-Key"
        return unavailable(detail, "OUTCOME_UNKNOWN" if answer.tried else "UNAVAILABLE")
    match answer.outcome:
        case Refused() as refused:
            return refusal(refused, "/quantity" if wanted.notional_e4 is None else "/notional")
        case Filled(fill):
            return Made(view_of(fill, listing) | {"durable": answer.durable}, FILLED)
        case Replayed(fill):
            durable = "postgres" if fill.trade_id in recorded else "redis"
            return Made(view_of(fill, listing) | {"durable": durable}, FILLED, replayed=True)
        case Accepted(order):
            return Made(pending_view(order, listing) | {"durable": answer.durable}, PENDING)
        case Awaited(order):
            durable = "postgres" if order.order_id in recorded else "redis"
            return Made(pending_view(order, listing) | {"durable": durable}, PENDING, replayed=True)
        case Happened() | HappenedBefore():
            raise TypeError("an order for shares has opened a position")


def recorded_by(ledger: Ledger, user: UserId, answers: Iterable[Answer]) -> frozenset[str]:
    """Ids of the trades and orders replayed in *answers* that are in Postgres by now.

    What Postgres cannot confirm, because it is away, is in Redis.
    """
    outcomes = [answer.outcome for answer in answers if not isinstance(answer, Unavailable)]
    replayed = [each.fill.trade_id for each in outcomes if isinstance(each, Replayed)]
    replayed += [each.order.order_id for each in outcomes if isinstance(each, Awaited)]
    if not replayed:
        return frozenset()
    return confirmed(lambda: ledger.recorded(user, replayed), frozenset())


def view_of(fill: Fill, listing: Listing) -> View:
    """*fill* as clients see it."""
    return fill_view(fill, listing.symbol_of(fill.idx))


def pending_view(order: DelayedOrder, listing: Listing) -> View:
    """*order* as clients see it while it waits."""
    return order_view(order, listing.symbol_of(order.idx))
