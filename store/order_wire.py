"""Orders that wait, as the fields of their facts, which are those of `order:{id}` too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..domain.ids import InstrumentIdx, UserId
from ..domain.orders import (
    CloseTerms,
    DelayedOrder,
    OpenTerms,
    OrderKind,
    OrderStatus,
    Terms,
    TradeTerms,
)
from ..domain.refusals import Refusal, Refused

#: By the field `kind`: what the field `pay` holds, as JSON.
_TERMS: Mapping[OrderKind, type[Terms]] = {
    each.kind: each for each in (TradeTerms, OpenTerms, CloseTerms)
}


def order_entry(order: DelayedOrder) -> dict[str, str]:
    """The fact of *order*, in the order of its fields."""
    refused = order.refused
    return {
        "k": "order",
        "id": order.order_id,
        "uid": str(order.user),
        "idx": str(order.idx),
        "kind": order.terms.kind.value,
        "pay": msgspec.json.encode(order.terms).decode(),
        "idem": order.idem_key,
        "fp": order.fingerprint,
        "coid": order.client_order_id or "",
        "at": str(order.accepted_ms),
        "rel": str(order.release_ms),
        "st": order.status.value,
        "done": "" if order.done_ms is None else str(order.done_ms),
        "code": refused.code.value if refused else "",
        "det": details_text(refused) if refused else "",
        "rsv": str(order.reserved_e4),
    }


def is_known(entry: Mapping[str, str]) -> bool:
    """Whether *entry* is there, and of a kind that can be read here."""
    return entry.get("kind", "") in _TERMS


def order_of(entry: Mapping[str, str]) -> DelayedOrder:
    """The order in an entry of kind ``order``, or in ``order:{id}``.

    Raises:
        KeyError, ValueError, msgspec.DecodeError: a field is missing or holds nonsense.
    """
    return DelayedOrder(
        order_id=entry["id"],
        user=UserId(int(entry["uid"])),
        idx=InstrumentIdx(int(entry["idx"])),
        terms=msgspec.json.decode(entry["pay"], type=_TERMS[OrderKind(entry["kind"])]),
        idem_key=entry["idem"],
        fingerprint=entry["fp"],
        client_order_id=entry["coid"] or None,
        accepted_ms=int(entry["at"]),
        release_ms=int(entry["rel"]),
        reserved_e4=int(entry["rsv"]),
        status=OrderStatus(entry["st"]),
        refused=_refused(entry["code"], entry["det"]) if entry["code"] else None,
        done_ms=int(entry["done"]) if entry["done"] else None,
    )


def details_text(refused: Refused) -> str:
    """The details of a refusal as JSON."""
    return msgspec.json.encode(refused.details).decode()


def _refused(code: str, details: str) -> Refused:
    found: Any = msgspec.json.decode(details or "{}")
    return Refused(Refusal(code), found)
