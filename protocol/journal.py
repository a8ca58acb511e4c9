"""What happened to an account, as `GET /v1/events` answers it.

The `data` of each is that of the push of the same name on the portfolio channel.
Source: docs/protocol.md, "The journal".
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .forms import SAFE_INTEGER, Instant, Seq
from .positions import OrderWaits, PositionChanged
from .shapes import FillMade, WalletMoved


class _Happened(msgspec.Struct, tag_field="event", frozen=True, kw_only=True):
    id: Annotated[int, msgspec.Meta(ge=1, le=SAFE_INTEGER)]
    at: Instant
    durable: Literal["postgres", "redis"]


class FillHappened(_Happened, tag="fill", frozen=True, kw_only=True):
    """Shares were bought or sold."""

    data: FillMade


class WalletHappened(_Happened, tag="wallet", frozen=True, kw_only=True):
    """Money came in other than by trading."""

    data: WalletMoved


class RejectionHappened(_Happened, tag="order_rejected", frozen=True, kw_only=True):
    """An order that waited in play was rejected at its release."""

    data: OrderWaits


class OpeningHappened(_Happened, tag="position_opened", frozen=True, kw_only=True):
    """A position was opened."""

    data: PositionChanged


class ChangeHappened(_Happened, tag="position_updated", frozen=True, kw_only=True):
    """A position got other stops, or other margin."""

    data: PositionChanged


class CloseHappened(_Happened, tag="position_closed", frozen=True, kw_only=True):
    """A position was closed, as a whole or in part."""

    data: PositionChanged


Happened = (
    FillHappened
    | WalletHappened
    | RejectionHappened
    | OpeningHappened
    | ChangeHappened
    | CloseHappened
)


class JournalPage(msgspec.Struct, frozen=True):
    """What happened, the oldest first; *last_id* is what to ask for the next page with."""

    data: tuple[Happened, ...]
    last_id: Seq
    has_more: bool
