"""The ws-server's parts: a link that records, and a whole hub that runs in the test."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import redis
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.hub.lobby import Lobby
from touchline.actors.hub.outbox import Outbox
from touchline.actors.hub.portfolio_reader import Remind
from touchline.actors.hub.presence import Presence
from touchline.actors.hub.prices import Prices
from touchline.actors.hub.session_watcher import SessionWatcher
from touchline.actors.hub.shard import Shard
from touchline.actors.hub.subscriber import Subscriber
from touchline.actors.hub.usher import Usher
from touchline.actors.listener import HttpListener
from touchline.actors.tree import Tree
from touchline.domain.clock import system_calendar
from touchline.http import admission
from touchline.http.admission import SocketDeps
from touchline.http.asyncapi import AsyncApiApp
from touchline.http.health import HealthApp
from touchline.http.keys import new_keypair
from touchline.http.sockets import SocketServerFactory
from touchline.http.tokens import Signer, Verifier
from touchline.store.keys import Keys
from touchline.store.one_life import enter_life
from touchline.store.outage import OUTAGES
from touchline.store.presence import Replica
from touchline.store.pubsub import Broadcasts
from touchline.store.reconnects import Reminders
from touchline.store.revocations import Revocations, ended_sessions
from touchline.store.tickets import Tickets
from websockets.sync.client import ClientConnection, connect

from tests.fakes.exchange import TAG
from tests.fakes.health import FixedHealth

ORIGIN = "https://exchange.example"
WAIT_S = 5.0  #: longest a test waits for a message that must come
SHARDS = 2


class RecordingLink:
    """A client's connection that keeps what it is sent."""

    direct = None  #: so that prices come through the method as well

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.superseded: list[set[int]] = []
        self.ended: tuple[int, str] | None = None
        self.abrupt = False
        self.pings = 0
        self.pinged_at: float | None = None
        self.stalled_at: float | None = None
        self.heard_at = 0.0

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        if self.ended is None:
            held = messages_in(frame)
            assert len(held) == messages
            self.sent += held
            self.superseded.append(set(supersedes))

    def send_prices(self, joined: bytes, frames: Mapping[int, bytes]) -> None:
        assert joined == b"".join(frames.values())
        self.send(joined, messages=len(frames))

    def begun(self, rest: bytes) -> None:
        raise AssertionError(f"nothing has begun before {rest!r}")

    def ping(self) -> None:
        self.pings += 1

    def close(self, code: int, reason: str) -> None:
        self.ended = (code, reason)

    def evict(self, code: int, reason: str) -> None:
        self.ended, self.abrupt = (code, reason), True

    def take(self) -> list[Any]:
        """What was sent since the last call."""
        taken, self.sent = self.sent, []
        return taken


class SlowLink(RecordingLink):
    """One at which what is sent may have to wait, as behind a full kernel buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox: Outbox | None = None

    def slow_down(self) -> None:
        """Take nothing from now on; if that is so already, have nothing replaced that waits."""
        if self.outbox is None:
            self.outbox = Outbox()
        else:
            self.outbox.chunk()

    def catch_up(self) -> None:
        """Take all that waits, and what comes."""
        outbox, self.outbox = self.outbox, None
        while outbox is not None and (chunk := outbox.chunk()):
            self.sent += messages_in(bytes(chunk))
            outbox.sent(len(chunk))

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        if self.outbox is None:
            super().send(frame, supersedes, messages)
        else:
            self.outbox.put(frame, supersedes)

    def send_prices(self, joined: bytes, frames: Mapping[int, bytes]) -> None:
        if self.outbox is None:
            super().send_prices(joined, frames)
        else:
            self.outbox.put_prices(frames)


def messages_in(frames: bytes) -> list[Any]:
    """The JSON messages in a run of unmasked text frames."""
    found = []
    while frames:
        assert frames[0] == 0x81
        short, start = frames[1], 2
        if short == 126:
            short, start = int.from_bytes(frames[2:4]), 4
        found.append(json.loads(frames[start : start + short]))
        frames = frames[start + short :]
    return found


class RunningHub:
    """A ws-server on *client*'s Redis, with a free port; `with RunningHub(redis) as hub:`."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        seats: int = 100,
        replica: str = "here",
        keys: Keys | None = None,
        deflate: bool = False,
        tickets: admission.Tickets | None = None,
        remind: Remind | None = None,
    ) -> None:
        self.keys = keys or Keys(TAG)
        self.private, public = new_keypair()
        self.signer = Signer(self.private)
        addresses = Addresses()
        shards = tuple(addresses.of(f"hub-{n}") for n in range(SHARDS))
        self.lobby = Lobby(
            shards,
            addresses.of("prices"),
            addresses.of("subscriber"),
            addresses.of("presence"),
            seats=seats,
            calendar=system_calendar,
            monotonic=time.monotonic,
        )
        self.tickets = tickets or Tickets(client, self.keys)
        health = HealthApp(FixedHealth(), AsyncApiApp())
        deps = SocketDeps(self.lobby, Verifier(public), self.tickets, (ORIGIN,), health, deflate)
        self.handshakes = deps.handshakes
        self.revocations = Revocations(client, self.keys)
        self._server = SocketServerFactory("127.0.0.1", 0, deps)
        replicas = Replica(client, self.keys, replica, time.monotonic)
        enter = partial(enter_life, client, self.keys)
        remind = remind or Reminders(client, self.keys).remind
        client.setnx(self.keys.meta("run_id"), "what is lost is back")
        self._addresses = addresses
        self._children = [
            Child("presence", lambda: Presence(replicas, self.lobby)),
            *(Child(shard.name, self._shard(n)) for n, shard in enumerate(shards)),
            Child("prices", lambda: Prices(self.lobby)),
            Child(
                "subscriber",
                lambda: Subscriber(lambda: Broadcasts(client), enter, self.lobby, remind),
            ),
            Child(
                "session-watcher",
                lambda: SessionWatcher(
                    lambda: ended_sessions(client), self.revocations, self.lobby
                ),
            ),
            Child("usher", lambda: Usher(self.lobby)),
            Child("http", lambda: HttpListener(self._server)),
        ]

    def _shard(self, number: int) -> Callable[[], Shard]:
        return lambda: Shard(number, self.lobby, system_calendar)

    def __enter__(self) -> RunningHub:
        self.tree = Tree.start(
            self._children, name="ws-server", addresses=self._addresses, outages=OUTAGES
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.tree.stop(10.0)

    @property
    def port(self) -> int:
        return self._server.port

    def url(self, user: int = 5, session: str = "session") -> str:
        """An address with a fresh token of *user*."""
        return f"ws://127.0.0.1:{self.port}/ws?token={self.token(user, session)}"

    def token(self, user: int = 5, session: str = "session") -> str:
        """A fresh ws token."""
        return self.signer.ws_token(user, session)

    def connect(self, user: int = 5, session: str = "session", **options: Any) -> Session:
        """A client of *user* that has been welcomed."""
        # Without a bound: a reader that pauses waits in a select() on a pair of sockets, and to
        # close them under it is the end of the process under gevent.
        url = self.url(user, session)
        client = Session(connect(url, max_queue=None, **options).__enter__())
        assert client.next()["op"] == "welcome"
        return client


class Session:
    """A client as its user's program sees it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._requests = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def next(self) -> Any:
        """The next message that is no heartbeat."""
        while True:
            message = json.loads(self.socket.recv(timeout=WAIT_S))
            if message["op"] != "heartbeat":
                return message

    def until(self, op: str) -> Any:
        """The next message of kind *op*; others on the way are dropped."""
        while (message := self.next())["op"] != op:
            pass
        return message

    def ask(self, op: str, **fields: Any) -> Any:
        """Send a request and return the answer, which is the next message."""
        self._requests += 1
        self.socket.send(json.dumps({"op": op, "id": self._requests, **fields}))
        return self.next()
