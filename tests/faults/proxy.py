"""A proxy in front of Redis or Postgres that fails on demand as a network does.

It listens on a port of 127.0.0.1 and forwards to its target, both ways. It lives in the process
of the test and ends with it.
"""

from __future__ import annotations

from collections.abc import Callable

from gevent import socket
from gevent.event import AsyncResult, Event
from gevent.pool import Pool
from gevent.server import StreamServer

from .link import Link
from .ports import free_ports

Target = str | tuple[str, int]  #: the path of a Unix socket, or host and port

LINKS = 256  #: connections at once; more wait to be accepted
STRIKE_S = 60.0  #: for what is to be lost to be asked for


class Proxy:
    """Forwards to *target* and, when told to, does not.

    Attributes:
        delay_s: added to whatever is sent, each way.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.delay_s = 0.0
        self.flows = Event()
        self.flows.set()
        self.port = free_ports(1)[0]
        self._links: set[Link] = set()
        self._mark, self._after = b"", 0
        self._lost: AsyncResult[None] = AsyncResult()
        self._listener: StreamServer | None = None

    def __enter__(self) -> Proxy:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._refuse()
        self.flows.set()

    # -- faults

    def cut(self) -> None:
        """End all connections with RST; new ones are as before."""
        for link in tuple(self._links):
            link.reset()

    def lose_answer(self, to: bytes, after: int = 0) -> None:
        """Cut the next connection that sends *to* when the server answers, *after* so many bytes.

        The server has acted then, and the client cannot know.
        """
        self._mark, self._after, self._lost = to, after, AsyncResult()

    def wait_for_loss(self) -> None:
        """Return when the answer has been lost. Raises gevent.Timeout: nobody asked for it."""
        self._lost.get(timeout=STRIKE_S)

    def lose_servers(self) -> None:
        """Leave each connection half open: the server is gone, the client does not hear of it."""
        for link in tuple(self._links):
            link.keep_only_client()

    def lose_clients(self) -> None:
        """Leave each connection half open: the client is gone, the server does not hear of it."""
        for link in tuple(self._links):
            link.keep_only_server()

    def black_hole(self) -> None:
        """Let nothing arrive on either side, and accept connections to nowhere; until `heal`.

        What was sent meanwhile arrives then, as after a lost route: also from who has given up.
        """
        self.flows.clear()

    def refuse(self) -> None:
        """End all connections and refuse new ones, until `heal`."""
        self._refuse()

    def heal(self) -> None:
        """Forward again; connections that are half open are ended."""
        self.delay_s = 0.0
        self._mark = b""
        self.flows.set()
        for link in tuple(self._links):
            if link.is_half_open:
                link.reset()
        if self._listener is None:
            self._listen()

    # -- what links ask for

    def marked(self, asked: bytes) -> Callable[[], int] | None:
        if not self._mark or self._mark not in asked:
            return None
        self._mark = b""
        return self._lose

    def _lose(self) -> int:
        self._lost.set(None)
        return self._after

    # -- connections

    def _listen(self) -> None:
        self._listener = StreamServer(("127.0.0.1", self.port), self._serve, spawn=Pool(LINKS))
        self._listener.start()

    def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut()

    def _serve(self, client: socket.socket, _address: object) -> None:
        self.flows.wait()
        try:
            server = _connected(self.target)
        except OSError:
            client.close()
            return
        link = Link(self, client, server)
        self._links.add(link)
        link.wait()
        self._links.discard(link)


def _connected(target: Target) -> socket.socket:
    if isinstance(target, tuple):
        return socket.create_connection(target)
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(target)
    except OSError:
        server.close()
        raise
    return server
