"""Honest clients of a ws-server in one process: when each message reached them.

    python bench/abuse_clients.py    # told what to do on its stdin by bench/abuse.py

The instant is the kernel's (SO_TIMESTAMPNS), of when the bytes were there, so that it does not
matter how soon this process, which shares a core with the abusers, gets to read them.
"""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fakes.client_frames import PONG, TEXT, client_frame
from tests.fakes.peer import Peer

SO_TIMESTAMPNS = 35
ROOM = socket.CMSG_SPACE(16)
SEQ = re.compile(rb'"op":"(?:update|snapshot)","channel":"([^"]+)","seq":(\d+)')
PATIENCE_S = 30.0
PING = b"\x89\x00"


@dataclass
class Listener:
    """One WebSocket and the newest number it saw; *channel* is a prefix of what it listens to."""

    peer: Peer
    arrived: list[tuple[str, int, float]] = field(default_factory=list)
    rest: bytes = b""

    def read(self) -> bool:
        """Take what is there; False at the end of the stream."""
        data, ancillary, _, _ = self.peer.sock.recvmsg(65536, ROOM)
        if not data:
            return False
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        at = seconds + nanoseconds / 1e9
        # A message cut in two counts when its second half is there, as it does for its reader.
        text = self.rest + data
        found = None
        for found in SEQ.finditer(text):
            self.arrived.append((found[1].decode(), int(found[2]), at))
        self.rest = text[found.end() if found else 0 :][-200:]
        if PING in data:
            self.peer.say(client_frame(PONG))
        return True


def listen(port: int, tokens: list[str], channel: str) -> list[Listener]:
    wish = json.dumps({"op": "subscribe", "id": 1, "channels": [channel]}).encode()
    listeners = []
    for token in tokens:
        peer = opened(port, token)
        peer.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        peer.say(client_frame(TEXT, wish))
        listeners.append(Listener(peer))
    return listeners


def opened(port: int, token: str) -> Peer:
    """A WebSocket; waits its turn if there are too many handshakes."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        try:
            return Peer.of(port, token)
        except AssertionError:  # 503, and the token is still good
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def serve() -> None:
    """Read orders of one line: what to connect, or to report; until stdin ends."""
    poller = select.epoll()
    poller.register(sys.stdin.fileno(), select.EPOLLIN)
    by_fd: dict[int, Listener] = {}
    lost = 0
    while True:
        for fd, _ in poller.poll():
            if fd == sys.stdin.fileno():
                line = sys.stdin.buffer.raw.readline()
                if not line:
                    return
                order = json.loads(line)
                for listener in listen(order["port"], order["tokens"], order["channel"]):
                    by_fd[listener.peer.sock.fileno()] = listener
                    poller.register(listener.peer.sock.fileno(), select.EPOLLIN)
                print(json.dumps({"lost": lost, "arrived": collected(by_fd)}), flush=True)
            elif not alive(by_fd[fd]):
                poller.unregister(fd)
                by_fd.pop(fd).peer.leave()
                lost += 1


def alive(listener: Listener) -> bool:
    try:
        return listener.read()
    except OSError:
        return False


def collected(by_fd: dict[int, Listener]) -> list[tuple[str, int, float]]:
    """What has arrived anywhere since the last report."""
    found = []
    for listener in by_fd.values():
        found += listener.arrived
        listener.arrived = []
    return found


if __name__ == "__main__":
    serve()
