"""Why a request was refused: a problem document (RFC 9457). Source: docs/protocol.md, "Errors"."""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Price, Quantity, TickId
from .positions import PositionHappened


class Fault(msgspec.Struct, frozen=True, rename={"place": "in"}):
    """One field at fault: a JSON pointer (RFC 6901) into a part of the request."""

    pointer: str
    detail: str
    place: Literal["body", "query", "path", "header"]


class Problem(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"violated_policies": "violated-policies"},
):
    """A refusal; `code` says which, and some codes add members of their own."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | msgspec.UnsetType = msgspec.UNSET
    request_id: str | msgspec.UnsetType = msgspec.UNSET
    errors: tuple[Fault, ...] | msgspec.UnsetType = msgspec.UNSET
    required: str | msgspec.UnsetType = msgspec.UNSET
    available: str | msgspec.UnsetType = msgspec.UNSET
    limit: str | int | msgspec.UnsetType = msgspec.UNSET
    held: Quantity | msgspec.UnsetType = msgspec.UNSET
    quoted_price: Price | msgspec.UnsetType = msgspec.UNSET
    liquidation_price: Price | msgspec.UnsetType = msgspec.UNSET
    halt_reasons: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET
    idx: int | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    close: PositionHappened | msgspec.UnsetType | None = msgspec.UNSET
    least: str | int | msgspec.UnsetType = msgspec.UNSET
    most: str | int | msgspec.UnsetType = msgspec.UNSET
    oldest: TickId | msgspec.UnsetType | None = msgspec.UNSET
    violated_policies: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
