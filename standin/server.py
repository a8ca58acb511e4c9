"""A small HTTP server that stands in for somebody else's, to develop and test against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from gevent import socket
from gevent.event import Event
from gevent.pool import Group
from gevent.pywsgi import WSGIServer

STOP_S = 1.0  #: seconds answers under way have to finish

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class StandIn(ABC):
    """Serves `_application`; may be stopped and started again on the same port.

    Args:
        port: 0 takes a free one.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._stopping = Event()  # who holds an answer back waits for it
        self._open = Group()
        self._server: WSGIServer | None = None

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        return self._address[1]

    @property
    def url(self) -> str:
        """What the addresses of its pages begin with."""
        return f"http://{self._address[0]}:{self.port}"

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._open)

    def start(self) -> None:
        """Bind and serve. Raises: OSError, the port is taken."""
        listener = _listener(self._address)
        self._address = self._address[0], listener.getsockname()[1]
        self._stopping.clear()
        self._server = WSGIServer(listener, self._application, spawn=self._open.spawn, log=None)
        self._server.start()

    def stop(self) -> None:
        """Close the port; answers held back are given at once."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop(timeout=STOP_S)

    def serve_forever(self) -> None:
        """Return when the server is stopped; killed here, it closes the port."""
        try:
            self._stopping.wait()
        finally:
            if self._server is not None:
                self._server.close()  # else the next one could never bind

    @abstractmethod
    def _application(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI has it."""


def _listener(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Head and body leave in two writes: without this, the second one waits for
    # the reader's delayed acknowledgement, some 40 ms on every kept connection.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(address)
    listener.listen(128)
    listener.setblocking(False)
    return listener
