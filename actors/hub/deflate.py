"""permessage-deflate (RFC 7692) without any state of a connection.

Both sides compress each message by itself (`no_context_takeover`), so a frame that goes to
thousands of clients is compressed once for all that agreed to it, when the first of them is sent
it, and a connection keeps no window and no dictionary. What a client sends is kept as it comes and
inflated once it is whole, up to the limit of a message and no further: a kilobyte may stand for
a megabyte.

Source: docs/decisions/0027.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

#: The window that is compressed with; a client may ask for one as small. A larger one saves next to
#: nothing on messages of ours, and takes four times as long to set up.
WINDOW_BITS = 12
LEVEL = 1  #: the fastest; the best takes twice as long on a portfolio and saves a tenth of it
MEMORY_LEVEL = 5
LEAST_BYTES = 64  #: what is shorter hardly gets any shorter
CACHE_BYTES = 1024 * 1024  #: of frames as they are, and again of what became of them

TAIL = b"\x00\x00\xff\xff"  #: ends what a flush gives, and is left out on the wire
COMPRESSED = 0x40  #: RSV1
CONTROL = 0x08
_READS = RsvBits(True, False, False)


class Deflater:
    """Compresses frames, each once; one for all connections of a replica."""

    def __init__(self) -> None:
        self._done: dict[bytes, bytes] = {}
        self._size = 0

    def deflated(self, frames: bytes) -> bytes:
        """*frames*, one or several behind each other, with the same messages compressed."""
        done = self._done.get(frames)
        if done is None:
            done = b"".join(_deflated(*frame) for frame in _split(frames))
            self._keep(frames, done)
        return done

    def each(self, frames: Mapping[int, bytes]) -> dict[int, bytes]:
        """The same for each of *frames*."""
        return {idx: self.deflated(frame) for idx, frame in frames.items()}

    def _keep(self, frames: bytes, done: bytes) -> None:
        # First in, first out: what is sent to many is sent to all of them within moments.
        self._done[frames] = done
        self._size += len(frames)
        while self._size > CACHE_BYTES:
            oldest = next(iter(self._done))
            del self._done[oldest]
            self._size -= len(oldest)


class Inflater(Extension):
    """Reads what one client compressed, for wsproto; keeps nothing but the message that comes."""

    name = "permessage-deflate"

    def __init__(self, message_bytes: int) -> None:
        self._limit = message_bytes
        self._parts: bytearray | None = None  # of a compressed message that is not whole
        self._passes = True  # the frame that comes is none of it

    def enabled(self) -> bool:
        """Whether it was agreed on: else nobody makes one."""
        return True

    def offer(self) -> bool | str:
        """Nothing: the offer is the client's; see http/extensions.py."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Note what the frame that begins is a part of."""
        begins = opcode in (Opcode.TEXT, Opcode.BINARY)
        if rsv.rsv1 and not begins:
            return CloseReason.PROTOCOL_ERROR
        if rsv.rsv1:
            self._parts = bytearray()
        self._passes = self._parts is None or bool(opcode.iscontrol())
        return _READS

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Keep a piece of a compressed message, whatever it will be."""
        if self._passes or self._parts is None:
            return data
        self._parts += data
        # Incompressible data grow, by 5 bytes for each block.
        if len(self._parts) > self._limit + LEAST_BYTES:
            return CloseReason.MESSAGE_TOO_BIG
        return b""

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """Inflate the message if it is whole."""
        if self._passes or self._parts is None or not fin:
            return None
        parts, self._parts = self._parts, None
        return _inflated(bytes(parts), self._limit)


def _split(frames: bytes) -> Iterator[tuple[int, bytes]]:
    """First byte and payload of each frame of a server."""
    at = 0
    while at < len(frames):
        size, start = frames[at + 1], at + 2
        if size > 125:
            start += 2 if size == 126 else 8
            size = int.from_bytes(frames[at + 2 : start])
        yield frames[at], frames[start : start + size]
        at = start + size


def _deflated(first: int, payload: bytes) -> bytes:
    if len(payload) < LEAST_BYTES or first & CONTROL:
        return _frame(first, payload)
    squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
    squeezed = squeezer.compress(payload) + squeezer.flush(zlib.Z_SYNC_FLUSH)
    squeezed = squeezed[: -len(TAIL)]
    if len(squeezed) >= len(payload):
        return _frame(first, payload)
    return _frame(first | COMPRESSED, squeezed)


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2) + payload
    return bytes((first, 127)) + size.to_bytes(8) + payload


def _inflated(data: bytes, limit: int) -> bytes | CloseReason:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = inflater.decompress(data + TAIL, limit + 1)
    except zlib.error:
        return CloseReason.INVALID_FRAME_PAYLOAD_DATA
    return CloseReason.MESSAGE_TOO_BIG if len(message) > limit else message
