"""The client's end of a WebSocket, in plain bytes: it may do whatever no client library would."""

from __future__ import annotations

import contextlib
import socket
import struct

from .client_frames import CLOSE

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
#: Of a good handshake; RFC 6455, section 1.3.
GOOD = {
    "Host": "hub",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}
WAIT_S = 5.0  #: longest it waits for bytes that must come


def handshake(token: str) -> bytes:
    """A good request with *token*."""
    head = "".join(f"{name}: {value}\r\n" for name, value in GOOD.items())
    return f"GET /ws?token={token} HTTP/1.1\r\n{head}\r\n".encode()


class Peer:
    """Reads and writes frames on *sock*, on which the handshake is over."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._stream = sock.makefile("rb")

    @classmethod
    def of(cls, port: int, token: str = "any", *, window: int | None = None) -> Peer:
        """Open a WebSocket at *port*; *window* is the most bytes its kernel is to take ahead."""
        sock = socket.socket()
        if window is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(WAIT_S)
        sock.connect(("127.0.0.1", port))
        sock.sendall(handshake(token))
        peer = cls(sock)
        status = peer._stream.readline()
        assert status.startswith(b"HTTP/1.1 101 "), status
        while peer._stream.readline().strip():
            pass
        return peer

    def say(self, *frames: bytes) -> None:
        self.sock.sendall(b"".join(frames))

    def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame; opcode 0 at the end of the stream."""
        head = self._stream.read(2)
        if not head:
            return 0, b""
        assert head[0] & 0xF0 == 0x80, "every frame of ours is final and has no reserved bit"
        size, longer = head[1], {126: 2, 127: 8}  # the mask's bit would make it neither
        if size in longer:
            size = int.from_bytes(self._stream.read(longer[size]))
        return head[0] & 15, self._stream.read(size)

    def closed_with(self) -> tuple[int, str]:
        """Code and reason of the close frame that must come next, before the stream ends."""
        opcode, payload = self.frame()
        assert opcode == CLOSE
        assert self.frame() == (0, b"")
        return int.from_bytes(payload[:2]), payload[2:].decode()

    def rest(self) -> bytes:
        """What still arrives, up to the end or a reset."""
        heard = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while data := self._stream.read1():
                heard += data
        return bytes(heard)

    def leave(self) -> None:
        """Close in good order."""
        self._stream.close()
        self.sock.close()

    def vanish(self) -> None:
        """Reset the connection."""
        self._stream.close()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
