"""The HTTP listener as a child: it starts last, stops first, and is replaced when it dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Never, Protocol, assert_never

from .actor import Actor

#: Seconds it has to stop: more than its server takes, which gives requests in progress 5 s and
#: then one more to those it ends.
DRAIN_S = 8.0


class Server(Protocol):
    """What the listener needs of an HTTP server that is listening."""

    @property
    def port(self) -> int:
        """The port it is bound to."""
        ...

    @property
    def connections(self) -> int:
        """Connections open now."""
        ...

    def serve_forever(self) -> None:
        """Return when the server is closed; killed here, it closes the server."""
        ...

    def stop(self) -> None:
        """Stop accepting, let requests in progress end, hang up; bounded in time."""
        ...


class HttpListener(Actor[Never]):
    """Keeps one HTTP server open.

    Duty: listen as long as the service runs. Reads and writes nothing itself:
    requests are answered by the application behind the server, in greenlets of
    their own. Holds no lease. While it is down, clients cannot connect.
    """

    def __init__(self, open_server: Callable[[], Server]) -> None:
        """Take *open_server*, which returns a server that listens already."""
        super().__init__()
        self._open_server = open_server
        self._server: Server | None = None

    def started(self) -> None:
        """Bind. Raises OSError if the port is taken."""
        self._server = self._open_server()
        # The link is what closes the port when this actor dies other than by a
        # stop: else its successor could never bind.
        self.link(self._server.serve_forever)

    def receive(self, message: Never) -> None:
        """Nobody writes to the listener."""
        assert_never(message)

    def stopped(self) -> None:
        """Stop accepting and let requests in progress end."""
        if self._server is not None:
            self._server.stop()

    def detail(self) -> Mapping[str, object]:
        """Port and open connections."""
        if self._server is None:
            return {}
        return {"port": self._server.port, "connections": self._server.connections}
