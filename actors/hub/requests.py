"""What a client may ask for over the socket, decoded and checked.

Source: docs/protocol.md, "Requests".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from .channels import MAX_SUBSCRIPTIONS

#: Echoed in the answer; small enough for every JSON implementation.
RequestId = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
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

_DECODER: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


@dataclass(frozen=True, slots=True)
class BadMessage:
    """The message is not a request; *detail* says why, for the client's author."""

    detail: str


def decode(data: str | bytes) -> Request | BadMessage:
    """Return the request in a client's message, or why it is none."""
    if isinstance(data, bytes):
        return BadMessage("binary messages are not part of this protocol")
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError) as why:
        return BadMessage(str(why))
