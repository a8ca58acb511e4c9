"""The ws-server's HTTP side: `/ws` becomes a WebSocket, every other path is health.

gevent-websocket negotiates the upgrade; then the socket leaves pywsgi for
good and belongs to the hub, and the greenlet that served it ends.

Source: docs/decisions/0005-the-hub-adopts-the-socket.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from gevent import GreenletExit
from geventwebsocket.handler import WebSocketHandler

from . import handshake
from .admission import Guest, SocketDeps, admit
from .connection import Connection, Limits
from .entrance import Entrance
from .failures import FailureLog
from .handshake import HANDSHAKE_BURST, HANDSHAKES_PER_S, PATH
from .meter import HttpMeter
from .problems import CONTENT_TYPE, Problem, status_line
from .rate import Rate
from .request_id import HEADER, request_id_of

#: A request takes 5 s at most to arrive: half of one holds a greenlet.
LIMITS = Limits(idle_s=5.0, head_s=5.0, body_s=5.0, body_bytes=0, drain_bytes=4096)


class SocketServer(Entrance):
    """An HTTP server whose `/ws` leads into the hub."""

    def __init__(
        self, host: str, port: int, deps: SocketDeps, meter: HttpMeter | None = None
    ) -> None:
        self.deps = deps
        self.rate = Rate(HANDSHAKES_PER_S, HANDSHAKE_BURST, deps.monotonic)
        self.failures = FailureLog(deps.monotonic)
        super().__init__(
            host,
            port,
            deps.health,
            LIMITS,
            SocketHandler,
            meter,
            deps.hub,
            deps.monotonic,
            deps.outside,
        )


class SocketServerFactory:
    """Opens socket servers on one port; asked for port 0, the next keep the first one's."""

    def __init__(
        self, host: str, port: int, deps: SocketDeps, meter: HttpMeter | None = None
    ) -> None:
        self._host = host
        self._deps = deps
        self._meter = meter
        self.port = port

    def __call__(self) -> SocketServer:
        """A server that listens. Raises OSError if the port is taken."""
        server = SocketServer(self._host, self.port, self._deps, self._meter)
        server.start()
        self.port = server.port
        return server


class SocketHandler(Connection, WebSocketHandler):  # type: ignore[misc]  # no types shipped
    """One request: decides on the upgrade, and hands the socket over after it."""

    guest: Guest | None = None
    awaited_at = 0.0  #: monotonic seconds; since when the request has been waited for
    deflate: bool = False  #: agreed on with this guest
    socket: Any  # pywsgi's; None once the hub has it
    websocket: Any  # the library's; it never reads or writes here

    def read_requestline(self) -> str:
        """The next request line; its time is a part of the head's."""
        self.awaited_at = self.server.deps.monotonic()
        return super().read_requestline()

    def head_s(self) -> float:
        """What the request line has left of the time for the whole head."""
        waited_s: float = self.server.deps.monotonic() - self.awaited_at
        return max(0.0, super().head_s() - waited_s)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        """As pywsgi's; but for the 101 every answer is the last one of its connection.

        How many connections are taken in is bounded, how many requests one has is not.
        """
        if not any(name == "Connection" for name, _ in headers):
            headers = [*headers, ("Connection", "close")]
        return super().start_response(status, headers, exc_info)

    def upgrade_websocket(self) -> Iterable[bytes] | None:
        """Accept, refuse with a problem, or leave the request to the application (None)."""
        if self.environ["PATH_INFO"] != PATH:
            return None
        admitted = self.refusal or admit(self.environ, self.server.deps, self.server.rate)
        if isinstance(admitted, Problem):
            self.server.deps.handshakes[admitted.code] += 1
            return self._refuse(admitted)
        self.server.deps.handshakes["accepted"] += 1
        self.guest = admitted
        self.upgrade_connection()  # cannot fail: everything it looks at was checked
        chosen = handshake.subprotocol(self.environ)
        if chosen is not None:
            self.response_headers.append((b"Sec-WebSocket-Protocol", chosen.encode()))
        extension = handshake.extension(self.environ) if self.server.deps.deflate else None
        if extension is not None:
            self.deflate = True
            self.response_headers.append((b"Sec-WebSocket-Extensions", extension.encode()))
        return None

    def run_application(self) -> None:
        """Answer the request; a seat that no socket took is free again afterwards."""
        try:
            super().run_application()
        finally:
            if self.guest is not None:
                self.guest.seat.give_back()
                self.guest = None
            self._forget_websocket()

    def run_websocket(self) -> None:
        """Hand the socket to the hub: the 101 is sent."""
        # With a time-out of zero, peek shows what came with the handshake and
        # never waits; it raises if the client has reset the connection since.
        self.socket.setblocking(False)
        early = self.rfile.peek(1)
        # Detached, not duplicated: pywsgi reads once more from what it still
        # has, and would eat the client's first frames.
        fd = self.socket.detach()
        self.socket = None
        if self.guest is not None:
            guest = self.guest
            guest.seat.adopt(fd, early, guest.user, session=guest.session, deflate=self.deflate)
            # Only now: until the hub has the socket, the seat is ours to give back.
            self.guest = None

    def handle_error(self, kind: type[BaseException], error: BaseException, trace: object) -> None:
        """Answer a bug with a problem; pywsgi's own way is a page and a traceback each time."""
        self.close_connection = True
        if not issubclass(kind, GreenletExit):  # the server stops
            self.server.failures.add(error)
        if self.response_length:
            return  # something was sent already, and the connection may be the hub's
        problem = Problem("INTERNAL", "the request failed; it was logged")
        # The client may be gone as well.
        with contextlib.suppress(OSError):
            self.write(b"".join(self._refuse(problem)))

    def log_request(self) -> None:
        """Log nothing: the request line holds the token."""

    def _forget_websocket(self) -> None:
        websocket = self.environ.pop("wsgi.websocket", None)
        if websocket is not None:
            # Else it closes "its" socket at its end. Told that it is closed, it would make two
            # classes to tell nobody; this it takes for one that was never complete.
            del websocket.closed
            # It has us as we have it, and garbage that is to be looked for holds up everybody.
            self.websocket = None

    def _refuse(self, problem: Problem) -> list[bytes]:
        request_id = request_id_of(self.environ)
        body = problem.body(self.environ["PATH_INFO"], request_id)
        headers = [
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(body))),
            (HEADER, request_id),
            *problem.all_headers.items(),
        ]
        self.start_response(status_line(problem.status), headers)
        return [body]
