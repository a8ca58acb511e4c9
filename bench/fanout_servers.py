"""The servers that bench/fanout.py compares, and how something is published with each.

A peer is a small program in fanout_peers/ that does what its library is for: clients say in their
path what they listen to, and a publisher sends `CHANNEL PAYLOAD` over a WebSocket of its own, or
POSTs it to nchan. Payloads are those of the hub.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fanout_frames import masked, portfolio_slot, price_slot
from fanout_install import Installed
from fanout_process import server_process
from touchline.actors.hub import replies
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.pushes import PortfolioEvent, WalletPush
from touchline.domain.ticks import PriceTick
from touchline.domain.views import portfolio_update_view, price_update_view
from trades_exchange import free_port

PEERS = Path(__file__).resolve().parent / "fanout_peers"
READY_S = 30.0
_EXTENDED = 4  #: bytes of the header of the hub's frames, all longer than 125


@dataclass(slots=True)
class Publisher(ABC):
    """Publishes, and notes when on the *board*; see fanout_frames.py."""

    board: memoryview
    seqs: Counter[tuple[str, int]] = field(default_factory=Counter)

    def price(self, number: int) -> None:
        """Publish an update of instrument *number*."""
        self._price(number, self.note_price(number))

    def note_price(self, number: int) -> int:
        """Note that an update of *number* is published now; return its number."""
        self.seqs["price", number] += 1
        seq = self.seqs["price", number]
        self.board[price_slot(number, seq)] = time.monotonic_ns()
        return seq

    def portfolio(self, user: int) -> None:
        """Publish an event of *user*'s portfolio."""
        self.seqs["portfolio", user] += 1
        seq = self.seqs["portfolio", user]
        self.board[portfolio_slot(user, seq)] = time.monotonic_ns()
        self._portfolio(user, seq)

    @abstractmethod
    def _price(self, number: int, seq: int) -> None: ...

    @abstractmethod
    def _portfolio(self, user: int, seq: int) -> None: ...


@dataclass(slots=True)
class Server:
    """One that runs.

    Attributes:
        private_key: signs the tokens of its clients; empty if it wants none.
        rate: handshakes a second that it may be asked for for long; 0 as many as it answers.
        burst: and how many at once before that.
        beside: processes that work for it, by name.
    """

    name: str
    pid: int
    port: int
    publisher: Publisher
    private_key: str = ""
    rate: float = 0.0
    burst: int = 1_000_000
    beside: Mapping[str, int] = field(default_factory=dict)


class PeerPublisher(Publisher):
    """Sends what the hub would, over one connection."""

    def __init__(self, board: memoryview, port: int) -> None:
        super().__init__(board)
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open()

    def _price(self, number: int, seq: int) -> None:
        self._send(f"price:{number}", price_payload(number, seq))

    def _portfolio(self, user: int, seq: int) -> None:
        self._send(f"portfolio:{user}", portfolio_payload(seq))

    def _open(self) -> None:
        self._socket.sendall(
            b"GET /publish HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = self._socket.recv(65_536)
        if not answer.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"cannot publish: {answer[:200]!r}")

    def _send(self, channel: str, payload: bytes) -> None:
        self._socket.sendall(masked(channel.encode() + b" " + payload))


class PostPublisher(PeerPublisher):
    """Sends it as HTTP requests over one connection."""

    def _open(self) -> None:
        pass

    def _send(self, channel: str, payload: bytes) -> None:
        head = (
            f"POST /publish/{channel} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + payload)
        self._socket.recv(65_536)


def price_payload(number: int, seq: int) -> bytes:
    """The text of an update as the hub sends it."""
    now_ms = time.time_ns() // 1_000_000
    tick = PriceTick(
        idx=InstrumentIdx(number),
        seq=seq,
        id=f"{now_ms}-0",
        at_ms=now_ms,
        bid_px=999_000,
        ask_px=1_001_000,
        mark_px=1_000_000,
        mid_px=1_000_000,
        why="hb",
        halt=Halt(0),
        phase=Phase.SCHEDULED,
    )
    return replies.update(f"price:{number}", seq, price_update_view(tick))[_EXTENDED:]


def portfolio_payload(seq: int) -> bytes:
    """The text of a push as the hub sends it."""
    push = WalletPush(kind="grant", amount_e4=1, cash_e4=100_000_000 + seq, locked_e4=0)
    event = PortfolioEvent(seq, push)
    data = portfolio_update_view(event)
    return replies.portfolio_update(seq, event.name, data)[_EXTENDED:]


#: How a peer is started on a port, in a directory of its own.
Command = Callable[[Installed, int, Path], list[str]]


@dataclass(frozen=True, slots=True)
class Peer:
    """One of those that we compare with."""

    name: str
    title: str
    command: Command
    publisher: type[PeerPublisher] = PeerPublisher

    @contextmanager
    def run(self, installed: Installed, board: memoryview, root: Path) -> Iterator[Server]:
        """Start it below *root*; it ends with the block."""
        directory = root / self.name
        directory.mkdir()
        port = free_port()
        command = self.command(installed, port, directory)
        log = root / f"{self.name}.log"
        with server_process(command, log, installed.environment, directory) as process:
            wait_for(port, log)
            yield Server(self.name, process.pid, port, self.publisher(board, port))


def wait_for(port: int, log: Path) -> None:
    """Return when somebody listens on *port*. Raises RuntimeError with what *log* says."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"it did not start:\n{log.read_text()[-2000:]}")


def _node(name: str) -> Command:
    return lambda _installed, port, _directory: ["node", str(PEERS / name), str(port)]


def _python(name: str) -> Command:
    return lambda _installed, port, _directory: [sys.executable, str(PEERS / name), str(port)]


def _nginx(installed: Installed, port: int, directory: Path) -> list[str]:
    config = directory / "nginx.conf"
    text = (PEERS / "nchan.conf").read_text()
    values = {"MODULE": installed.nchan, "DIRECTORY": directory, "PORT": port}
    for name, value in values.items():
        text = text.replace(f"@{name}", str(value))
    if os.getuid() == 0:  # whoever is nobody may not write below a directory of root's
        text = f"user root;\n{text}"
    config.write_text(text)
    return [str(installed.nginx), "-p", str(directory), "-c", str(config)]


UWS = Peer("uws", "uWebSockets", _node("uws.js"))
WS = Peer("ws", "ws (npm)", _node("ws.js"))
NCHAN = Peer("nchan", "nchan", _nginx, PostPublisher)
PICOWS = Peer("picows", "picows", _python("picows_server.py"))
WEBSOCKETS = Peer("websockets", "websockets, `broadcast()`", _python("websockets_server.py"))
GEVENT = Peer("gevent", "gevent-websocket's own loop", _python("gevent_server.py"))
PEER_LIST = (UWS, NCHAN, WS, PICOWS, WEBSOCKETS, GEVENT)
