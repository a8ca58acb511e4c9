"""The HTTP server: pywsgi with a bounded number of bounded connections.

Source: docs/operations.md, "HTTP server".
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gevent
import structlog
from gevent.pool import Group
from gevent.pywsgi import WSGIServer
from structlog.contextvars import bind_contextvars, get_contextvars

from .connection import Connection, Limits
from .meter import HttpMeter
from .outside import DIRECT, Outside
from .problems import Problem, raw_response
from .quotas import network

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

BACKLOG = 1_024  #: connections the kernel holds while the loop is busy
TURN_AWAY_S = 1.0  #: seconds to tell a client that there is no room
TOLD_AT_ONCE = 64  #: clients that are being told so; others are hung up on
STOP_S = 5.0  #: seconds that requests in progress get when the server stops
RETRY_AFTER_S = "2"
TOO_MANY = Problem(
    "TOO_MANY_CONNECTIONS",
    "close another connection of your address first",
    headers={"Retry-After": RETRY_AFTER_S},
)

log = structlog.get_logger(__name__)


class HttpServer(WSGIServer):  # type: ignore[misc]  # gevent ships no types
    """pywsgi without delayed answers, that turns away rather than stops accepting."""

    def __init__(
        self,
        host: str,
        port: int,
        application: WSGIApplication,
        limits: Limits | None = None,
        handler_class: type[Connection] = Connection,
        meter: HttpMeter | None = None,
        outside: Outside = DIRECT,
    ) -> None:
        """Prepare to serve on *host*:*port* (0: a free one); nothing is bound before `start`."""
        self.limits = limits or Limits()
        self.meter = meter or HttpMeter("")
        self.outside = outside
        self._stranger_seen = False
        # What is logged for a client is logged for the child whose server this is: greenlets
        # begin without the context of whoever spawned them.
        self._log_context = get_contextvars()
        self.draining = False
        self._requests: Group = Group()
        self._connections: set[Connection] = set()
        self._turned_away = 0
        self._from: Counter[str] = Counter()
        super().__init__(
            (host, port),
            application,
            backlog=BACKLOG,
            spawn=self._requests.spawn,
            # No access log: on the hot path it would cost more than the request.
            log=None,
            error_log=None,
            handler_class=handler_class,
            # Given here because pywsgi would ask DNS for it.
            environ={"SERVER_NAME": host},
        )

    @property
    def port(self) -> int:
        """The port bound, once started."""
        return int(self.address[1])

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._connections)

    def client(self, peer: str, forwarded_for: str) -> str:
        """Who asks by way of *peer*, which says whom it heard."""
        if not self.outside.trusts(peer) and not self._stranger_seen:
            # Once: of a proxy that was forgotten it says so, and a flood writes no more.
            self._stranger_seen = True
            log.warning("X-Forwarded-For is not believed; see TRUSTED_PROXIES", peer=peer)
        return self.outside.client(peer, forwarded_for)

    def init_socket(self) -> None:
        """Bind and listen. Raises OSError if the port is taken."""
        super().init_socket()
        # Inherited by every accepted connection. Without it each answer waits
        # some 40 ms for a delayed ACK, as head and body are sent apart.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self, sock: Any, address: Any) -> None:
        """Serve one connection, or turn it away when there are too many."""
        bind_contextvars(**self._log_context)
        problem = None if self.has_room() else self.no_room()
        who = None if self.outside.trusts(address[0]) else network(address[0])
        if problem is None and who is not None and self._from[who] >= self.limits.of_one_address:
            problem = TOO_MANY
        if problem is not None:
            self.meter.refused(problem.status)
            self._turn_away(sock, problem)
            return
        with self._counted(who):
            self._serve(sock, address)

    @contextmanager
    def _counted(self, who: str | None) -> Iterator[None]:
        """Count a connection of *who* while it is open; None: it may be anybody's."""
        if who is not None:
            self._from[who] += 1
        try:
            yield
        finally:
            if who is not None:
                self._from[who] -= 1
                if not self._from[who]:
                    del self._from[who]

    def _serve(self, sock: Any, address: Any) -> None:
        connection = self.handler_class(sock, address, self)
        self._connections.add(connection)
        self.meter.open += 1
        try:
            connection.handle()
        except ConnectionError:
            # The client hung up before it had its answer. Unguarded, each one
            # that does would write a traceback into our log.
            sock.close()
        finally:
            self._connections.discard(connection)
            self.meter.open -= 1

    def has_room(self) -> bool:
        """Whether one more connection may ask for something."""
        return self.connections < self.limits.connections

    def no_room(self) -> Problem:
        """What is told to whom there is none for."""
        return Problem(
            "CAPACITY", "too many connections; try again", headers={"Retry-After": RETRY_AFTER_S}
        )

    def stop(self, timeout: float | None = None) -> None:
        """Stop accepting, let requests in progress end within *timeout* seconds, hang up."""
        if self.draining:
            return
        self.draining = True
        self.close()
        for connection in tuple(self._connections):
            connection.hang_up_if_idle()
        self._requests.join(STOP_S if timeout is None else timeout)
        self._requests.kill(timeout=1)

    def _turn_away(self, sock: Any, problem: Problem) -> None:
        # Each of them is a file for up to a second. Of a flood only the first are told why.
        if self._turned_away < TOLD_AT_ONCE:
            self._turned_away += 1
            try:
                _tell(sock, raw_response(problem, https=self.outside.https))
            finally:
                self._turned_away -= 1


class ServerFactory:
    """Opens servers on one port: a restart comes back where clients left it.

    Asked for port 0, the first server takes a free one and the next keep it.
    """

    def __init__(
        self,
        host: str,
        port: int,
        application: WSGIApplication,
        limits: Limits | None = None,
        meter: HttpMeter | None = None,
        outside: Outside = DIRECT,
    ) -> None:
        self._host = host
        self.port = port
        self._application = application
        self._limits = limits
        self._meter = meter
        self._outside = outside

    def __call__(self) -> HttpServer:
        """A server that listens. Raises OSError if the port is taken."""
        server = HttpServer(
            self._host,
            self.port,
            self._application,
            self._limits,
            meter=self._meter,
            outside=self._outside,
        )
        server.start()
        self.port = server.port
        return server


def _tell(sock: Any, response: bytes) -> None:
    try:
        with gevent.Timeout(TURN_AWAY_S, False):
            sock.sendall(response)
            sock.shutdown(socket.SHUT_WR)
            # To close with bytes unread would reset the connection, and the
            # client might never see the answer.
            while sock.recv(4096):
                pass
    except OSError:
        return  # it has gone already: nothing is left to tell
