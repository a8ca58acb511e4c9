"""How the ws-server takes connections in: few at a time, and no more than it can open files for.

Whoever comes costs a share of the one event loop on which everybody else is served. A storm of
connections, meant or not, therefore waits in the kernel's queue, where it costs nothing.

Source: docs/decisions/0028-what-one-client-may-take-of-the-loop.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..domain.clock import Monotonic
from .connection import Connection, Limits
from .handshake import no_room
from .meter import HttpMeter
from .outside import Outside
from .problems import Problem
from .rate import Rate
from .serve import HttpServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

CONNECTIONS_PER_S = 500.0  #: taken in; even a request that is refused costs 0.3 ms of CPU
CONNECTIONS_AT_ONCE = 16.0
IN_ONE_TURN = 4  #: connections taken in before the event loop serves everybody else again
PAUSE_S = 0.01  #: before it is looked for the next ones, once there were too many
#: Connections that may ask for something although every seat is taken: health probes, and clients
#: who are then told that the hub is full. These files are among those that seats leave free.
ALWAYS = 64


class Room(Protocol):
    """What the connections that are being taken in become part of."""

    @property
    def room(self) -> int:
        """Seats that nobody has."""
        ...


class Entrance(HttpServer):
    """An HTTP server that takes connections in at a bounded rate, as long as there is room."""

    max_accept = IN_ONE_TURN

    def __init__(
        self,
        host: str,
        port: int,
        application: WSGIApplication,
        limits: Limits,
        handler_class: type[Connection],
        meter: HttpMeter | None,
        hub: Room,
        monotonic: Monotonic,
        outside: Outside,
    ) -> None:
        self._hub = hub
        self._arrivals = Rate(CONNECTIONS_PER_S, CONNECTIONS_AT_ONCE, monotonic)
        super().__init__(host, port, application, limits, handler_class, meter, outside)

    def do_read(self) -> Any:
        """Accept a connection; None if there is none, or if it has to wait."""
        if not self._arrivals.allows_one():
            # As gevent's own pause after an error of accept().
            self.stop_accepting()
            self._timer = self.loop.timer(PAUSE_S)
            self._timer.start(self._start_accepting_if_started)
            return None
        arrived = super().do_read()
        if arrived is None:
            self._arrivals.give_back()
        return arrived

    def has_room(self) -> bool:
        """Whether one more may ask: each might become a seat, and each is a file now."""
        most = min(self.limits.connections, self._hub.room)
        return self.connections < max(ALWAYS, most)

    def no_room(self) -> Problem:
        """What is told to whom there is none for, at different times for each."""
        return no_room("too many connections at once")
