"""What a client asks for over the socket, decoded and checked.

Source: docs/protocol.md, "Requests".
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ...protocol.requests import Request

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
