"""WebSocket frames as clients send them, good ones and others."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from touchline.actors.hub.frames import Incoming, PieceReceived

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x01\x02\x03\x04"


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    masked: bool = True,
    rsv: int = 0,
    mask: bytes = MASK,
) -> bytes:
    """A frame as a client sends it, or as none may."""
    head = bytes([(fin << 7) | (rsv << 4) | opcode])
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", len(payload))
    if masked:
        head += mask
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return head + payload


def whole(incoming: Iterable[Incoming]) -> list[Incoming]:
    """What came of a client's frames, but for the news that a piece of a message is there."""
    return [event for event in incoming if not isinstance(event, PieceReceived)]
