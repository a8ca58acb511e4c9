"""What the server says over the socket, typed.

Source: docs/protocol.md, "Answers and pushes". Members that are not known here are ignored, and
so are messages of other kinds: a newer server may have more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Data = Mapping[str, Any]
"""Members of a channel's state as JSON has them: money, prices and quantities are decimal texts."""


class Welcome(msgspec.Struct, tag_field="op", tag="welcome", frozen=True):
    """The first message of a connection; `conn` names it in questions to the operator."""

    conn: str
    heartbeat_ms: int
    max_subscriptions: int


class Refusal(msgspec.Struct, frozen=True):
    """Why a request changed nothing, and the channel it is about, if it is about one."""

    code: str
    channel: str | None = None


class Ack(msgspec.Struct, tag_field="op", tag="ack", frozen=True):
    """The answer to request `id`."""

    id: int
    ok: bool
    error: Refusal | None = None


class Snapshot(msgspec.Struct, tag_field="op", tag="snapshot", frozen=True):
    """The whole state of `channel`; numbers of different epochs mean nothing to each other."""

    channel: str
    epoch: int
    seq: int
    data: Data


class Update(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """What has changed on `channel`; `event` says what happened, of the portfolio."""

    channel: str
    seq: int
    data: Data
    event: str | None = None


class Resync(msgspec.Struct, tag_field="op", tag="resync", frozen=True):
    """The server itself has missed something on `channel`; a snapshot follows."""

    channel: str
    reason: str


class Failure(msgspec.Struct, tag_field="op", tag="error", frozen=True):
    """A message of ours was no request."""

    code: str
    detail: str


Message = Welcome | Ack | Snapshot | Update | Resync | Failure

_KNOWN = {"welcome", "ack", "snapshot", "update", "resync", "error"}


class _Op(msgspec.Struct):
    op: str


_op = msgspec.json.Decoder(_Op)
_message: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def decode(text: str | bytes) -> Message | None:
    """The message in *text*; None if it is a sign of life, or of a kind not known here.

    Raises:
        msgspec.DecodeError: it is no message of this protocol.
    """
    return _message.decode(text) if _op.decode(text).op in _KNOWN else None
