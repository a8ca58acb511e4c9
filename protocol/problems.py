"""Why a request was refused: a problem document (RFC 9457). Source: docs/protocol.md, "Errors"."""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import TickId
from .positions import PositionHappened, Rejection


class Fault(msgspec.Struct, frozen=True, rename={"place": "in"}):
    """One field at fault: a JSON pointer (RFC 6901) into a part of the request."""

    pointer: str
    detail: str
    place: Literal["body", "query", "path", "header"]


class Problem(
    Rejection,
    frozen=True,
    kw_only=True,
    rename={"violated_policies": "violated-policies"},
):
    """A refusal: `code` says which, and some codes add members, as for an order that waited."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | msgspec.UnsetType = msgspec.UNSET
    request_id: str | msgspec.UnsetType = msgspec.UNSET
    errors: tuple[Fault, ...] | msgspec.UnsetType = msgspec.UNSET
    idx: int | msgspec.UnsetType = msgspec.UNSET
    close: PositionHappened | msgspec.UnsetType | None = msgspec.UNSET
    least: str | int | msgspec.UnsetType = msgspec.UNSET
    most: str | int | msgspec.UnsetType = msgspec.UNSET
    oldest: TickId | msgspec.UnsetType | None = msgspec.UNSET
    violated_policies: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
