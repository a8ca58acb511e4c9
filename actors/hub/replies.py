"""What the server says over the socket, as frames ready to send.

Source: docs/protocol.md, "Answers and pushes".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ...domain.clock import rfc3339
from ...domain.views import View
from .channels import MAX_SUBSCRIPTIONS
from .frames import text_frame

HEARTBEAT_MS = 15_000  #: real time between two heartbeats


def welcome(connection: str, now_ms: int) -> bytes:
    """The first frame of a connection."""
    return _frame(
        {
            "op": "welcome",
            "conn": connection,
            "server_time": rfc3339(now_ms),
            "heartbeat_ms": HEARTBEAT_MS,
            "max_subscriptions": MAX_SUBSCRIPTIONS,
        }
    )


def acknowledged(request: int, channels: Sequence[str]) -> bytes:
    """The request was carried out for *channels*."""
    return _frame({"op": "ack", "id": request, "ok": True, "channels": channels})


def refused(request: int, error: Mapping[str, object]) -> bytes:
    """The request changed nothing; *error* holds a code and what it is about."""
    return _frame({"op": "ack", "id": request, "ok": False, "error": error})


def pong(request: int, now_ms: int) -> bytes:
    """The answer to a ping request."""
    return _frame({"op": "pong", "id": request, "ts": rfc3339(now_ms)})


def heartbeat(now_ms: int) -> bytes:
    """A sign of life for clients that cannot see WebSocket pings."""
    return _frame({"op": "heartbeat", "ts": rfc3339(now_ms)})


def bad_message(detail: str) -> bytes:
    """The client's message was not a request."""
    return _frame({"op": "error", "code": "BAD_MESSAGE", "detail": detail})


def resync(channel: str, reason: str) -> bytes:
    """Something was missed on *channel*; a snapshot follows."""
    return _frame({"op": "resync", "channel": channel, "reason": reason})


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


def _frame(message: View) -> bytes:
    return text_frame(msgspec.json.encode(message).decode())
