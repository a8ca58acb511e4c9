"""One client of bench/fanout.py: its socket, its handshake, and the frames it gets."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field

from fanout_frames import SHORT, masked, portfolio_slot, price_slot

PING, PONG = 9, 10
UPDATE = b'{"op":"update"'
#: Of one that will not read: with the usual buffers it would look alive for minutes.
DEAF_BYTES = 4_096
IP_BIND_ADDRESS_NO_PORT = 24  #: so that ports are kept by pair of addresses, not by source


@dataclass(slots=True)
class Tally:
    """What all clients have received since it was last cleared."""

    board: memoryview  #: when everything was published; see fanout_frames.py
    messages: int = 0
    bytes: int = 0
    lost: int = 0  #: connections that the server ended
    prices_ns: list[int] = field(default_factory=list)  #: latencies, of clients that are sampled
    portfolios_ns: list[int] = field(default_factory=list)

    def clear(self) -> None:
        """Begin anew."""
        self.messages = self.bytes = self.lost = 0
        self.prices_ns.clear()
        self.portfolios_ns.clear()


class Line:
    """A connection from its `connect` to its end."""

    __slots__ = ("_opened", "_rest", "_tally", "knocked", "ready", "sampled", "socket", "user")

    def __init__(self, user: int, tally: Tally, *, sampled: bool, deaf: bool) -> None:
        self.user = user
        self.sampled = sampled
        self.knocked = False  #: the handshake is sent
        self.ready = False  #: and what it listens to is agreed
        self._opened = False
        self._tally = tally
        self._rest = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if deaf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEAF_BYTES)

    def connect(self, source: str, port: int) -> None:
        """Begin; the socket can be written to when it is done."""
        self.socket.bind((source, 0))
        self.socket.connect_ex(("127.0.0.1", port))

    def knock(self, path: str) -> None:
        """Ask for the WebSocket. Raises OSError if nobody is there."""
        self.knocked = True
        self.socket.send(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def shake(self, ask: bytes) -> None:
        """Read on until `ready`: that is after the 101, and if there is something to *ask*, after
        the answer.

        Raises:
            OSError: the server does not want us.
        """
        data = self._rest + self._received()
        self._rest = b""
        if not self._opened:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.partition(b"\r\n")[0].decode())
            self._opened = True
            if ask:
                self.socket.send(masked(ask))
        if ask and b'"op":"ack"' not in data:
            self._rest = data
            return
        self.ready = True
        self.take(data, len(data))

    def take(self, buffer: bytes | bytearray, end: int) -> None:
        """Count the frames in the first *end* bytes of *buffer*."""
        self._tally.bytes += end
        if self._rest:
            buffer = self._rest + bytes(buffer[:end])
            end = len(buffer)
            self._rest = b""
        at = 0
        while end - at >= 4:
            size = buffer[at + 1]
            size = size + 2 if size <= SHORT else 4 + (buffer[at + 2] << 8 | buffer[at + 3])
            if at + size > end:
                break
            if size > SHORT + 2:
                self._tally.messages += 1
                if self.sampled:
                    self._sample(buffer, at)
            elif buffer[at] & 15 == PING:
                self.socket.send(masked(bytes(buffer[at + 2 : at + size]), PONG))
            at += size
        if at < end:
            self._keep(bytes(buffer[at:end]))

    def _keep(self, rest: bytes) -> None:
        """Take in what is shorter than a header, or keep it for what comes next."""
        if rest == b"\x89\x00":
            self.socket.send(masked(b"", PONG))
        else:
            self._rest = rest

    def _received(self) -> bytes:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("hung up")
        return data

    def _sample(self, buffer: bytes | bytearray, at: int) -> None:
        """Note how old an update is; those of all servers begin as the hub's do."""
        start = buffer.find(b'"seq":', at, at + 80) + 6
        if start < 6 or buffer[at + 4 : at + 4 + len(UPDATE)] != UPDATE:
            return  # whoever comes back is shown what may be old by now
        seq = int(buffer[start : buffer.find(b",", start)])
        name = buffer.find(b'"price:', at, start) + 7
        if name > 6:
            number = int(buffer[name : buffer.find(b'"', name)])
            slot, latencies = price_slot(number, seq), self._tally.prices_ns
        else:
            slot, latencies = portfolio_slot(self.user, seq), self._tally.portfolios_ns
        published = self._tally.board[slot]
        if published:  # 0 for a snapshot of before
            latencies.append(time.monotonic_ns() - published)
