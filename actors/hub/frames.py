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
_PING = bytes(_ENCODER.send(Ping()))
_EMPTY_PONG = b"\x8a\x80"  #: final and masked


def text_frame(text: str) -> bytes:
    """Return *text* as one final frame, ready for any number of clients."""
    return bytes(_ENCODER.send(TextMessage(data=text)))


def binary_frame(data: bytes) -> bytes:
    """Return *data* as one final frame, ready for any number of clients."""
    return bytes(_ENCODER.send(BytesMessage(data=data)))


class Framing:
    """Reads one client's frames and writes its control frames.

    Between two frames of a client there is nothing to remember, so wsproto's part, 1.8 KiB, is
    there only while one has arrived in part.
    """

    __slots__ = ("_fragments", "_inflate", "_limits", "_parts", "_size", "_ws")

    def __init__(self, limits: Limits, *, inflate: bool = False) -> None:
        """Take *inflate* if the client may compress what it sends."""
        self._inflate = inflate
        self._ws: Connection | None = None
        self._limits = limits
        # A list only while a message is in pieces: idle clients are many.
        self._parts: list[str | bytes] | None = None
        self._size = 0
        self._fragments = 0

    def feed(self, data: bytes) -> Iterator[Incoming]:
        """Yield what *data* completes; after a close or a violation, feed no more."""
        if self._ws is None and _is_empty_pong(data):
            yield PongReceived()
            return
        ws = self._ws = self._ws or self._new()
        ws.receive_data(data)
        for event in ws.events():
            incoming = self._incoming(ws, event)
            if incoming is not None:
                yield incoming
        if self._parts is None and _is_between_frames(ws):
            self.end()

    def ping(self) -> bytes:
        """Return an empty ping frame."""
        return _PING

    def pong(self, payload: bytes) -> bytes:
        """Return the answer to a ping."""
        return bytes(_ENCODER.send(Pong(payload=payload)))

    def close(self, code: int, reason: str) -> bytes:
        """Return the close frame that ends this connection; *reason* is cut to 123 bytes."""
        ws = Connection(ConnectionType.SERVER)
        frame = bytes(ws.send(CloseConnection(code=code, reason=reason)))
        _forget(ws)
        return frame

    def end(self) -> None:
        """Forget whatever has arrived in part."""
        if self._ws is not None:
            _forget(self._ws)
            self._ws = None

    def _new(self) -> Connection:
        inflater: list[Extension] = [Inflater(self._limits.message_bytes)] if self._inflate else []
        return Connection(ConnectionType.SERVER, inflater)

    def _incoming(self, ws: Connection, event: Event) -> Incoming | None:
        match event:
            case TextMessage() | BytesMessage():
                return self._piece(event)
            case Ping(payload=payload):
                return PingReceived(bytes(payload))
            case Pong():
                return PongReceived()
            case CloseConnection(code=code, reason=reason):
                return _closing(ws, event, code, reason or "")
            case _:
                return None  # handshake events, which never reach a frame connection

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


def _forget(ws: Connection) -> None:
    # wsproto's parser is a generator that its own frame keeps alive.
    ws._proto._parse_more.close()


def _closing(ws: Connection, event: CloseConnection, code: int, reason: str) -> Incoming:
    # wsproto reports its own parse failures as a close as well; only a
    # close the client really sent moves its state.
    if ws.state is not ConnectionState.REMOTE_CLOSING:
        return _TOO_BIG if code == CloseReason.MESSAGE_TOO_BIG else Violation(code, reason)
    return CloseReceived(code, reason, bytes(ws.send(event)))


def _is_empty_pong(data: bytes) -> bool:
    """Whether *data* is what our pings are answered with: all that most clients ever say."""
    return len(data) == 6 and data[:2] == _EMPTY_PONG


def _is_between_frames(ws: Connection) -> bool:
    """Whether *ws*, all of whose events were taken, has nothing of a frame that goes on."""
    decoder = ws._proto._frame_decoder
    return decoder.header is None and not len(decoder.buffer)


def _byte_length(data: str | bytes) -> int:
    if isinstance(data, bytes) or data.isascii():
        return len(data)
    return len(data.encode())
