"""What the server says over the socket, as frames ready to send.

Source: docs/protocol.md, "Answers and pushes".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from ...domain.clock import rfc3339
from ...domain.views import View
from ...protocol import told
from ...protocol.requests import MAX_SUBSCRIPTIONS
from .frames import text_frame

HEARTBEAT_MS = 15_000  #: real time between two heartbeats


def welcome(connection: str, now_ms: int) -> bytes:
    """The first frame of a connection."""
    now = rfc3339(now_ms)
    return _frame(told.Welcome(connection, now, HEARTBEAT_MS, MAX_SUBSCRIPTIONS))


def acknowledged(request: int, channels: Sequence[str]) -> bytes:
    """The request was carried out for *channels*."""
    return _frame(told.Acknowledged(request, True, tuple(channels)))


def refused(request: int, error: told.ChannelUnknown | told.TooManySubscriptions) -> bytes:
    """The request changed nothing; *error* says why."""
    return _frame(told.Refused(request, False, error))


def pong(request: int, now_ms: int) -> bytes:
    """The answer to a ping request."""
    return _frame(told.Pong(request, rfc3339(now_ms)))


def heartbeat(now_ms: int) -> bytes:
    """A sign of life for clients that cannot see WebSocket pings."""
    return _frame(told.Heartbeat(rfc3339(now_ms)))


def bad_message(detail: str) -> bytes:
    """The client's message was not a request."""
    return _frame(told.Error("BAD_MESSAGE", detail))


def resync(channel: str, reason: Literal["GAP"]) -> bytes:
    """Something was missed on *channel*; a snapshot follows."""
    return _frame(told.Resync(channel, reason))


def snapshot(channel: str, epoch: int, seq: int, data: View | msgspec.Raw) -> bytes:
    """The whole state of *channel* as of *seq*, a number given in *epoch*."""
    return _frame({"op": "snapshot", "channel": channel, "epoch": epoch, "seq": seq, "data": data})


def update(channel: str, seq: int, data: View | msgspec.Raw) -> bytes:
    """What is new on a *channel* of public data."""
    return _frame({"op": "update", "channel": channel, "seq": seq, "data": data})


def portfolio_update(seq: int, event: str, data: View) -> bytes:
    """One event of the user's portfolio."""
    return _frame(
        {"op": "update", "channel": "portfolio", "seq": seq, "event": event, "data": data}
    )


def _frame(message: View | msgspec.Struct) -> bytes:
    return text_frame(msgspec.json.encode(message).decode())
