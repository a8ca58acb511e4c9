"""One connection through the fault proxy: its two ends, and what is on its way between them."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import gevent
from gevent import socket
from gevent.event import Event
from gevent.queue import Queue

CHUNK = 65_536  #: bytes read at once
CHUNKS = 64  #: that may be on their way in each direction; then their sender has to wait
_RESET = struct.pack("ii", 1, 0)  #: SO_LINGER: a close sends RST and forgets what was unsent

Waiting = Queue[tuple[float, bytes]]  #: when it is due, and what; nothing: the sender has ended


class Weather(Protocol):
    """What all links of a proxy are subject to."""

    delay_s: float
    flows: Event  #: not set: nothing arrives on either side

    def marked(self, asked: bytes) -> Callable[[], int] | None:
        """Whether the answer to *asked* is to be lost; if so, what tells how much is not."""


class Link:
    """Forwards between *client* and *server* until both have ended, or either is lost."""

    def __init__(self, weather: Weather, client: socket.socket, server: socket.socket) -> None:
        self._weather = weather
        self._client, self._server = client, server
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked = b""
        self._lose: Callable[[], int] | None = None
        self._sides_open = 2
        self.is_half_open = False
        self._over = Event()
        self._at_work = [
            gevent.spawn(self._forward, client, server),
            gevent.spawn(self._forward, server, client),
        ]

    def wait(self) -> None:
        """Return when nothing is left of it."""
        self._over.wait()

    def reset(self) -> None:
        """Send RST both ways."""
        self._stop()
        for end in (self._client, self._server):
            _reset(end)
        self._over.set()

    def keep_only_client(self) -> None:
        """Let the server be gone without the client being told: what it says is swallowed."""
        self._keep(self._client, self._server)

    def keep_only_server(self) -> None:
        """Let the client be gone without the server being told."""
        self._keep(self._server, self._client)

    def _keep(self, kept: socket.socket, gone: socket.socket) -> None:
        self._stop()
        _reset(gone)
        self.is_half_open = True
        self._at_work.append(gevent.spawn(self._swallow, kept))

    def _stop(self) -> None:
        me = gevent.getcurrent()
        gevent.killall([each for each in self._at_work if each is not me])

    def _swallow(self, kept: socket.socket) -> None:
        with suppress(OSError):
            while kept.recv(CHUNK):
                pass
        self.reset()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        waiting: Waiting = Queue(CHUNKS)
        self._at_work.append(gevent.spawn(self._deliver, waiting, sink))
        try:
            data = b"any"
            while data:
                data = self._heard(source, source.recv(CHUNK))
                waiting.put((time.monotonic() + self._weather.delay_s, data))
        except OSError:
            self.reset()

    def _deliver(self, waiting: Waiting, sink: socket.socket) -> None:
        with suppress(OSError):
            while True:
                due_at, data = waiting.get()
                gevent.sleep(max(0.0, due_at - time.monotonic()))
                self._weather.flows.wait()
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
            self._sides_open -= 1
            if self._sides_open:
                return
        self.reset()

    def _heard(self, source: socket.socket, data: bytes) -> bytes:
        """What of *data* may go on. Raises OSError where it is the answer that is to be lost."""
        if source is self._client:
            self._lose = self._lose or self._weather.marked(self._asked + data)
            self._asked = data[-100:]  # a mark may be cut in two
        elif self._lose is not None and data:
            self._client.sendall(data[: self._lose()])
            raise ConnectionResetError("the answer is lost")
        return data


def _reset(end: socket.socket) -> None:
    with suppress(OSError):  # a Unix socket has no RST, but the other end sees as much
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.close()
