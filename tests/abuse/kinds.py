"""Ways to abuse a ws-server: each is one connection's worth of it, and ends by itself.

The abusers are patient enough to wait for the server's answer to what they did, so that a
server that does not end a connection it should end is found waiting for.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from itertools import count

from touchline.http.tokens import Signer

from tests.fakes.client_frames import BINARY, CLOSE, MASK, PING, PONG, TEXT, client_frame
from tests.fakes.peer import Peer, handshake

MORE = 0
PATIENCE_S = 60.0  #: far beyond any deadline of the server
DRIP_S = 0.05  #: between two bytes of somebody who is slow
BLAST_BYTES = 256 * 1024  #: what a flood sends if nobody ends it before
FIRST_USER = 1_000_000
LISTEN = client_frame(TEXT, b'{"op":"subscribe","id":1,"channels":["price:*","portfolio"]}')


@dataclass
class Target:
    """A ws-server; every token is for another user, as if all accounts there are took part."""

    port: int
    signer: Signer
    users: Iterator[int] = field(default_factory=lambda: count(FIRST_USER))

    def token(self) -> str:
        return self.signer.ws_token(next(self.users), "session")


Attack = Callable[[Target], None]


def outside(abuse: Callable[[socket.socket, bytes], None]) -> Attack:
    """On a TCP connection, given a good request. An error that ends it is no trouble of theirs."""

    @wraps(abuse)
    def attack(target: Target) -> None:
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.settimeout(PATIENCE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(("127.0.0.1", target.port))
            abuse(sock, handshake(target.token()))

    return attack


def inside(abuse: Callable[[Peer], None]) -> Attack:
    """On a WebSocket, if its handshake went well. An error that ends it is no trouble of theirs."""

    @wraps(abuse)
    def attack(target: Target) -> None:
        # Refused, or reset instead of an answer.
        with contextlib.suppress(OSError, AssertionError):
            peer = Peer.of(target.port, target.token(), window=4096)
            peer.sock.settimeout(PATIENCE_S)
            with contextlib.suppress(OSError):
                abuse(peer)
            peer.leave()

    return attack


def to_the_end(sock: socket.socket) -> None:
    """Read until the server ends it."""
    while sock.recv(65536):
        pass


def thrown_out(sock: socket.socket) -> None:
    """Return when the server has reset *sock*, without reading anything. Raises TimeoutError."""
    ends = time.monotonic() + PATIENCE_S
    while not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        if time.monotonic() > ends:
            raise TimeoutError("still connected")
        time.sleep(0.1)


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def blast(peer: Peer, frames: bytes) -> None:
    """Send *frames* over and over until the server ends it, or BLAST_BYTES are sent."""
    chunk = frames * (65536 // len(frames) + 1)
    for _ in range(BLAST_BYTES // len(chunk) + 1):
        peer.say(chunk)
    to_the_end(peer.sock)


# -- before the handshake is over


@outside
def slow_handshake(sock: socket.socket, request: bytes) -> None:
    """A request byte by byte, until the server has enough of it."""
    for byte in request[:-1]:
        sock.sendall(bytes([byte]))
        time.sleep(DRIP_S)
    to_the_end(sock)


@outside
def silent_handshake(sock: socket.socket, request: bytes) -> None:
    """Half a request, and then nothing until the server has enough of it."""
    sock.sendall(request[: len(request) // 2])
    to_the_end(sock)


@outside
def half_handshake(sock: socket.socket, request: bytes) -> None:
    """A part of a request, and then nothing; or a hang-up, or a reset."""
    sock.sendall(request[: random.randrange(len(request) - 1)])
    match random.randrange(3):
        case 0:
            to_the_end(sock)
        case 1:
            sock.shutdown(socket.SHUT_WR)
            to_the_end(sock)
        case _:
            reset(sock)


GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /ws HTTP/1.1\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
    b"POST /ws HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + bytes(2_000),
    b"POST /ws HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    b"GET /ws HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    b"GET /ws\x00 HTTP/1.1\r\n\r\n",
    b"GET /ws?token=" + b"a." * 4_000 + b" HTTP/1.1\r\n\r\n",
    handshake("nonsense"),
    handshake("e30.e30.e30"),
    handshake("x").replace(b"13", b"8"),
    handshake("x").replace(b"GET", b"PUT"),
    b"\r\n" * 200,
)


@outside
def garbage(sock: socket.socket, _request: bytes) -> None:
    """What is no handshake, or none that may succeed."""
    sock.sendall(random.choice((*GARBAGE, os.urandom(500))))
    sock.shutdown(socket.SHUT_WR)
    to_the_end(sock)


@outside
def many_requests(sock: socket.socket, _request: bytes) -> None:
    """Requests for what is not there, one behind the other."""
    sock.sendall(b"GET /nothing HTTP/1.1\r\n\r\n" * 400)
    to_the_end(sock)


@outside
def coming_and_going(sock: socket.socket, request: bytes) -> None:
    """A connection that is reset as soon as it is there, or at once after its request."""
    if random.random() < 0.5:
        sock.sendall(request)
    reset(sock)


# -- after it


@inside
def message_flood(peer: Peer) -> None:
    """Good requests, as fast as they are taken."""
    blast(peer, client_frame(TEXT, b'{"op":"ping","id":1}'))


@inside
def nonsense_flood(peer: Peer) -> None:
    """Messages that are no requests."""
    blast(peer, client_frame(TEXT, b"nonsense"))


@inside
def ping_flood(peer: Peer) -> None:
    """Control frames, as large as they may be."""
    blast(peer, client_frame(random.choice((PING, PONG)), b"x" * 125))


@inside
def empty_flood(peer: Peer) -> None:
    """Messages of nothing."""
    blast(peer, client_frame(random.choice((TEXT, BINARY))))


@inside
def fragment_flood(peer: Peer) -> None:
    """Messages in the tiniest pieces, none of them in too many."""
    pieces = [client_frame(MORE, fin=False)] * 1000
    blast(peer, b"".join([client_frame(TEXT, fin=False), *pieces, client_frame(MORE, b"{}")]))


@inside
def giant(peer: Peer) -> None:
    """A frame that announces 8 GiB; its bytes come for as long as somebody takes them."""
    peer.say(b"\x82\xff" + struct.pack("!Q", 8 << 30) + MASK)
    blast(peer, b"x" * 4096)


@inside
def broken_frames(peer: Peer) -> None:
    """Bytes that are no frames of a client; or a part of one, and then a reset."""
    match random.randrange(4):
        case 0:
            peer.say(os.urandom(2000))
            to_the_end(peer.sock)
        case 1:
            blast(peer, client_frame(TEXT, b"bare", masked=False))
        case 2:
            peer.say(client_frame(TEXT, b"x" * 1000)[: random.randrange(1, 1000)])
            peer.vanish()
        case _:
            peer.say(client_frame(CLOSE, struct.pack("!H", 1000))[: random.randrange(1, 8)])
            peer.vanish()


@inside
def closing_forever(peer: Peer) -> None:
    """Somebody who says goodbye, and goes on talking."""
    blast(peer, client_frame(CLOSE, struct.pack("!H", 1000)))


@inside
def greedy(peer: Peer) -> None:
    """Somebody who asks for everything there is, as often as one may for a second."""
    for _ in range(15):
        peer.say(LISTEN)
        time.sleep(DRIP_S)


@inside
def deaf(peer: Peer) -> None:
    """Somebody who listens to everything and never reads; waits to be thrown out."""
    peer.say(LISTEN)
    thrown_out(peer.sock)


@inside
def half_open(peer: Peer) -> None:
    """Somebody who says nothing and reads nothing any more, as if the network had gone."""
    thrown_out(peer.sock)


#: Those that are over at once, or as soon as the server says so.
QUICK: tuple[Attack, ...] = (
    garbage,
    many_requests,
    coming_and_going,
    half_handshake,
    message_flood,
    nonsense_flood,
    ping_flood,
    empty_flood,
    fragment_flood,
    giant,
    broken_frames,
    closing_forever,
)
#: Those that hold on to what they have until a deadline of the server's.
SLOW: tuple[Attack, ...] = (slow_handshake, deaf, half_open)
