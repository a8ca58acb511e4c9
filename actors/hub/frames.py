"""WebSocket frames (RFC 6455) by wsproto, with the limits wsproto leaves to its user.

Pure: bytes in, events out, no socket. One `Framing` belongs to one client and
serves any use of the frame layer; it knows nothing of channels or prices.

Source: docs/protocol.md, "Limits and close codes".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason

from .deflate import Inflater


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may do before it is closed."""

    message_bytes: int = 4096  #: payload of a whole message; more is 1009
    fragments: int = 1024  #: frames of one message; more is 1008
    #: Messages and control frames; more is 4429, None is no limit. What comes in pieces costs
    #: for each of them as well, see `Allowance`.
    per_second: int | None = 20
    close_s: float = 5.0  #: seconds to take the close frame and go; then it is reset


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message, unmasked and, as text, valid UTF-8."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class PieceReceived:
    """A part of a message that goes on: a fragment, or as much of a frame as has arrived."""


@dataclass(frozen=True, slots=True)
class PingReceived:
    """The client asks for a pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class PongReceived:
    """The client is alive."""


@dataclass(frozen=True, slots=True)
class CloseReceived:
    """The client ends the connection; *reply* is the close frame it gets back."""

    code: int
    reason: str
    reply: bytes


@dataclass(frozen=True, slots=True)
class Violation:
    """The client broke the protocol or a limit; close with this code."""

    code: int
    reason: str


Incoming = MessageReceived | PieceReceived | PingReceived | PongReceived | CloseReceived | Violation

_PIECE = PieceReceived()

_TOO_BIG = Violation(CloseReason.MESSAGE_TOO_BIG, "message too big")

# Encoding a whole message keeps no state, so one encoder serves every client.
_ENCODER = Connection(ConnectionType.SERVER)


def text_frame(text: str) -> bytes:
    """Return *text* as one final frame, ready for any number of clients."""
    return bytes(_ENCODER.send(TextMessage(data=text)))


def binary_frame(data: bytes) -> bytes:
    """Return *data* as one final frame, ready for any number of clients."""
    return bytes(_ENCODER.send(BytesMessage(data=data)))


class Framing:
    """Reads one client's frames and writes its control frames."""

    __slots__ = ("_fragments", "_limits", "_parts", "_size", "_ws")

    def __init__(self, limits: Limits, *, inflate: bool = False) -> None:
        """Take *inflate* if the client may compress what it sends."""
        extensions: list[Extension] = [Inflater(limits.message_bytes)] if inflate else []
        self._ws = Connection(ConnectionType.SERVER, extensions)
        self._limits = limits
        # A list only while a message is in pieces: idle clients are many.
        self._parts: list[str | bytes] | None = None
        self._size = 0
        self._fragments = 0

    def feed(self, data: bytes) -> Iterator[Incoming]:
        """Yield what *data* completes; after a close or a violation, feed no more."""
        self._ws.receive_data(data)
        for event in self._ws.events():
            incoming = self._incoming(event)
            if incoming is not None:
                yield incoming

    def ping(self) -> bytes:
        """Return an empty ping frame."""
        return bytes(self._ws.send(Ping()))

    def pong(self, payload: bytes) -> bytes:
        """Return the answer to a ping."""
        return bytes(self._ws.send(Pong(payload=payload)))

    def close(self, code: int, reason: str) -> bytes:
        """Return the close frame that ends this connection; *reason* is cut to 123 bytes."""
        return bytes(self._ws.send(CloseConnection(code=code, reason=reason)))

    def end(self) -> None:
        """Forget everything; no other method may be called after it."""
        # wsproto's parser is a generator that its own frame keeps alive.
        self._ws._proto._parse_more.close()

    def _incoming(self, event: Event) -> Incoming | None:
        match event:
            case TextMessage() | BytesMessage():
                return self._piece(event)
            case Ping(payload=payload):
                return PingReceived(bytes(payload))
            case Pong():
                return PongReceived()
            case CloseConnection(code=code, reason=reason):
                return self._closing(event, code, reason or "")
            case _:
                return None  # handshake events, which never reach a frame connection

    def _closing(self, event: CloseConnection, code: int, reason: str) -> Incoming:
        # wsproto reports its own parse failures as a close as well; only a
        # close the client really sent moves its state.
        if self._ws.state is not ConnectionState.REMOTE_CLOSING:
            return _TOO_BIG if code == CloseReason.MESSAGE_TOO_BIG else Violation(code, reason)
        return CloseReceived(code, reason, bytes(self._ws.send(event)))

    def _piece(self, event: TextMessage | BytesMessage) -> Incoming:
        data = event.data if isinstance(event.data, str) else bytes(event.data)
        # wsproto hands out a frame's payload as it arrives, so an announced
        # 8 GiB costs nothing until bytes come, and then only up to the limit.
        self._size += _byte_length(data)
        self._fragments += event.frame_finished
        if self._size > self._limits.message_bytes:
            return _TOO_BIG
        if self._fragments > self._limits.fragments:
            return Violation(CloseReason.POLICY_VIOLATION, "too many fragments")
        if not event.message_finished:
            self._keep(data)
            return _PIECE
        return self._whole(data)

    def _keep(self, data: str | bytes) -> None:
        if self._parts is None:
            self._parts = []
        self._parts.append(data)

    def _whole(self, last: str | bytes) -> MessageReceived:
        parts, self._parts = self._parts, None
        self._size = self._fragments = 0
        if parts is None:
            return MessageReceived(last)
        parts.append(last)
        if isinstance(last, str):
            return MessageReceived("".join(part for part in parts if isinstance(part, str)))
        return MessageReceived(b"".join(part for part in parts if isinstance(part, bytes)))


def _byte_length(data: str | bytes) -> int:
    if isinstance(data, bytes) or data.isascii():
        return len(data)
    return len(data.encode())
