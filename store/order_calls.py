"""Calls of the two scripts that keep orders which wait: `order_accept` and `order_done`."""

from __future__ import annotations

from typing import Any

from ..domain.ids import TREASURY
from . import wire
from .commands import Accepted, AcceptOrder, Awaited, OrderDone, Outcome, Replayed
from .keys import Keys
from .lua import Call
from .order_wire import details_text, order_entry, order_of
from .position_commands import HappenedBefore
from .position_hashes import event_of


def accept_call(keys: Keys, command: AcceptOrder) -> Call:
    """KEYS and ARGV of `order_accept`."""
    order = command.order
    names = [
        keys.idem(order.user, order.idem_key),
        keys.order(order.order_id),
        keys.pending_orders,
        keys.pending_of(order.user),
        keys.trade_outbox,
        keys.pfseq(order.user),
        keys.inst(order.idx),
        keys.wallet(order.user),
        keys.open_by_user(order.user),
        keys.wallet(TREASURY),
        keys.pushes(order.user),
    ]
    if order.client_order_id:
        names.append(keys.coid(order.user, order.client_order_id))
    fact = [text for pair in order_entry(order).items() for text in pair]
    return names, [
        order.order_id,
        str(order.user),
        order.fingerprint,
        str(order.release_ms),
        str(order.reserved_e4),
        str(order.reserved_positions),
        *fact,
    ]


def accept_outcome(reply: Any) -> Outcome:
    """What `order_accept` says."""
    match reply:
        case ["ok", entry_id, fact]:
            entry = wire.entry_of(fact)
            return Accepted(order_of(entry), entry_id, entry)
        case ["replayed", fact]:
            return replayed(fact)
        case _:
            return wire.refusal_of(reply)


def done_call(keys: Keys, command: OrderDone) -> Call:
    """KEYS and ARGV of `order_done`."""
    order, refused = command.order, command.refused
    names = [
        keys.order(order.order_id),
        keys.idem(order.user, order.release_key),
        keys.pending_orders,
        keys.pending_of(order.user),
        keys.trade_outbox,
        keys.pfseq(order.user),
        keys.inst(order.idx),
        keys.wallet(order.user),
        keys.wallet(TREASURY),
        keys.pushes(order.user),
    ]
    return names, [
        order.order_id,
        str(order.user),
        str(command.now_ms),
        refused.code.value if refused else "",
        details_text(refused) if refused else "",
    ]


def replayed(fact: str) -> Replayed | Awaited | HappenedBefore:
    """What an earlier command under the same idempotency key had made."""
    entry = wire.entry_of(fact)
    match entry["k"]:
        case "order":
            return Awaited(order_of(entry))
        case "trade":
            return Replayed(wire.fill_of(entry))
        case _:
            return HappenedBefore(event_of(entry))
