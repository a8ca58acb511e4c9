"""What a client may ask for. Source: docs/protocol.md, "Requests"."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .forms import Epoch, RequestId, Seq

MAX_SUBSCRIPTIONS = 200  #: channels of one connection

Names = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MAX_SUBSCRIPTIONS)]


class Subscribe(
    msgspec.Struct, tag_field="op", tag="subscribe", frozen=True, forbid_unknown_fields=True
):
    """Add channels; each gets a snapshot and then its updates, prices every tick if asked for."""

    id: RequestId
    channels: Names
    conflated: bool = True


class Unsubscribe(
    msgspec.Struct, tag_field="op", tag="unsubscribe", frozen=True, forbid_unknown_fields=True
):
    """Drop channels; those not subscribed are no error."""

    id: RequestId
    channels: Names


class Ping(msgspec.Struct, tag_field="op", tag="ping", frozen=True, forbid_unknown_fields=True):
    """Ask for a pong, for clients that cannot send WebSocket pings."""

    id: RequestId


class Resume(msgspec.Struct, tag_field="op", tag="resume", frozen=True, forbid_unknown_fields=True):
    """Subscribe again after a reconnect, saying what is known: sequence numbers of an epoch."""

    id: RequestId
    epoch: Epoch | None = None
    price: dict[str, Seq] = {}
    fixture: dict[str, Seq] = {}
    leaderboard: dict[str, Seq] = {}
    portfolio: Seq | None = None
    conflated: bool = True


Request = Subscribe | Unsubscribe | Ping | Resume

REQUESTS: tuple[type[msgspec.Struct], ...] = (Subscribe, Unsubscribe, Resume, Ping)
