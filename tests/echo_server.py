"""Sends every message back, on the product's own handshake and frame layer: for conformance only.

    python -m tests.echo_server --port 9001

Prints the address it listens at and runs until it is interrupted. What differs from a ws-server:
behind the frames stands an echo instead of the hub, any token opens the door as often as one
likes, from wherever one likes, and the limits leave room for the messages of Autobahn's cases.

Source: docs/conformance.md.
"""

# ruff: noqa: E402 - patching comes first

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse
import contextlib
import time
from collections.abc import Iterable
from typing import cast

from touchline.actors.hub.connection import Connection
from touchline.actors.hub.frames import Limits, binary_frame, text_frame
from touchline.actors.hub.traffic import Traffic
from touchline.domain.quota import Rates
from touchline.http.admission import SocketDeps
from touchline.http.handshake import Seat
from touchline.http.health import HealthApp
from touchline.http.quotas import Buckets
from touchline.http.sockets import SocketServer
from touchline.http.tokens import Claims, Verifier

from tests.fakes.health import FixedHealth
from tests.fakes.unlimited import MOST

#: Autobahn's largest message has 16 MiB, and 65,536 fragments.
AUTOBAHN = Limits(message_bytes=16 << 20, fragments=1 << 17, per_second=None)
PATH = "/ws?token=any"


class Echo(Connection):
    """A connection that sends back what it gets, and keeps all that waits to be sent."""

    __slots__ = ()

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        # An echo of 16 MiB is far behind by any measure of a client that reads prices.
        if not self.closing:
            self._sender.send(frame, supersedes, messages)


class EchoSeat:
    """The place of one connection, which is also whom the connection tells."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._connection: Echo | None = None

    def claim(self, user: object) -> bool:
        return True

    def adopt(self, fd: int, early: bytes, user: object, *, session: str, deflate: bool) -> None:
        self._connection = Echo(fd, self._limits, time.monotonic, Traffic())
        self._connection.open(self, early)

    def give_back(self) -> None:
        """There are as many seats as anybody wants."""

    def received(self, data: str | bytes) -> None:
        assert self._connection is not None
        frame = text_frame(data) if isinstance(data, str) else binary_frame(data)
        self._connection.send(frame)

    def flow_changed(self) -> None:
        """Nobody sends but the connection itself."""

    def left(self, reason: str) -> None:
        """Nobody counts."""

    def released(self) -> None:
        """Nobody waits."""


class EchoRoom:
    """What stands where a ws-server has its lobby."""

    ready = True
    room = 1_000

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def reserve(self) -> Seat:
        return EchoSeat(self._limits)


class AnyToken:
    """Takes every token for that of user 1."""

    def ws(self, token: str) -> Claims:
        return Claims(user=1, session="", token_id=token, role="", expires_at=0)


class Unspent:
    """Finds every token unused."""

    def spend(self, token_id: str, user: int, session: str) -> None:
        return None


def open_echo_server(port: int = 0, limits: Limits = AUTOBAHN) -> SocketServer:
    """Listen on *port* of 127.0.0.1 (0: a free one). Raises OSError if it is taken."""
    verifier = cast("Verifier", AnyToken())
    deps = SocketDeps(
        EchoRoom(limits),
        verifier,
        Unspent(),
        (),
        HealthApp(FixedHealth()),
        addresses=Buckets(Rates(handshakes=MOST).handshake_policy),
    )
    server = SocketServer("127.0.0.1", port, deps)
    server.start()
    return server


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0, help="0, the default, is a free one")
    server = open_echo_server(options.parse_args().port)
    print(f"echoes at ws://127.0.0.1:{server.port}{PATH}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
