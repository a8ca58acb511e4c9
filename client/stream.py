"""A stream of prices, fixtures and the own portfolio that outlives its connections.

    tickets = HttpTickets("http://127.0.0.1:8080", lambda: access_token)
    with Stream(tickets) as stream:
        stream.follow("price:*", "portfolio")
        for event in stream:
            ...

Source: docs/protocol.md, "WebSocket".
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from .events import Connected, Disconnected, Event
from .follower import Follower, Mistaken, Request
from .messages import Data, Welcome, decode
from .tickets import PASSING, NoTicket, Tickets, retry_after_s

SUBPROTOCOL = "touchline.v1"
OPEN_S = 10.0  #: for a connection to come up
#: Closes that say that this client is wrong; it would be again.
FATAL = frozenset({1002, 1007, 1008, 1009, 4400})
RESTART = 1012
_HINT = re.compile(r"retry_ms=(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a stream waits, in seconds.

    Attributes:
        silence_s: without a word, until a connection counts as dead; a heartbeat comes every 15.
        first_delay_s: before the second attempt to connect; it doubles with each, up to...
        longest_delay_s: ...this.
    """

    silence_s: float = 45.0
    first_delay_s: float = 0.5
    longest_delay_s: float = 15.0


_USUAL = Patience()


class Stream:
    """Follows channels; iterate over it for what happens on them.

    It connects with a new ticket each time, waits longer after each failure, resumes what it
    followed, and tells of what it has missed. `follow`, `leave`, `state` and `close` may be called
    from other threads (or greenlets).
    """

    def __init__(self, tickets: Tickets, patience: Patience = _USUAL) -> None:
        self._tickets = tickets
        self._patience = patience
        self._follower = Follower()
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._link: ClientConnection | None = None
        self._failures = 0

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def follow(self, *channels: str, conflated: bool = True) -> None:
        """Follow *channels* too; of prices every single tick, unless they may be *conflated*."""
        with self._lock:
            self._send(self._follower.follow(channels, conflated))

    def leave(self, *channels: str) -> None:
        """Follow *channels* no more."""
        with self._lock:
            self._send(self._follower.leave(channels))

    def state(self, channel: str) -> Data | None:
        """The state of *channel*; None if it is not known. The portfolio's is of its snapshot."""
        with self._lock:
            return self._follower.state(channel)

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()
        with self._lock:
            link = self._link
        if link is not None:
            link.close()

    def __iter__(self) -> Iterator[Event]:
        """What happens, until `close`.

        Raises:
            Mistaken: the server refuses what this client does, and would again.
            NoTicket: the user may not connect, or not any more.
        """
        while not self._closed.is_set():
            try:
                yield from self._connection()
                return
            except _Lost as lost:
                delay_s = self._delay_s(lost)
                yield Disconnected(str(lost), delay_s)
                self._closed.wait(delay_s)

    def _connection(self) -> Iterator[Event]:
        """What happens on one connection. Raises _Lost when it is over."""
        with self._connect() as link:
            self._begin(link)
            try:
                while not self._closed.is_set():
                    yield from self._next(link)
            except (ConnectionClosed, TimeoutError) as why:
                if not self._closed.is_set():
                    raise _why_lost(why) from why
            finally:
                with self._lock:
                    self._link = None

    def _connect(self) -> ClientConnection:
        try:
            ticket = self._tickets()
            return connect(
                ticket.url,
                subprotocols=[SUBPROTOCOL, f"ticket.{ticket.token}"],  # type: ignore[list-item]
                open_timeout=OPEN_S,
                ping_interval=None,  # the server pings, and says something every 15 s
            )
        except NoTicket as why:
            if why.passing:
                raise _Lost(str(why), why.after_s) from why
            raise
        except InvalidStatus as why:
            response = why.response
            # A ticket may have become too old on its way; a new one tells whether it was that.
            if response.status_code not in PASSING | {401}:
                raise Mistaken(str(response.status_code), "the handshake was refused") from why
            after_s = retry_after_s(response.headers.get("Retry-After"))
            raise _Lost(f"handshake refused with {response.status_code}", after_s) from why
        except (OSError, WebSocketException) as why:  # a timeout is an OSError
            raise _Lost(f"no connection: {why}") from why

    def _begin(self, link: ClientConnection) -> None:
        with self._lock:
            self._link = link
            self._send(self._follower.opening())

    def _next(self, link: ClientConnection) -> Iterator[Event]:
        try:
            message = decode(link.recv(self._patience.silence_s))
        except msgspec.DecodeError as why:
            raise Mistaken("BAD_MESSAGE", f"the server says what cannot be read: {why}") from why
        if message is None:
            return
        if isinstance(message, Welcome):
            yield Connected(message.conn)
        else:  # a server that lets somebody in and ends at once is none that works
            self._failures = 0
        with self._lock:
            heard = self._follower.hear(message)
            self._send(heard.requests)
        yield from heard.events

    def _send(self, requests: Iterable[Request]) -> None:
        """Ask the server, if there is one just now; a new connection begins with what is wanted."""
        if self._link is None:
            return
        try:
            for request in requests:
                self._link.send(msgspec.json.encode(request).decode())
        except ConnectionClosed:
            pass  # whoever reads meets it too

    def _delay_s(self, lost: _Lost) -> float:
        self._failures += 1
        doubled = self._patience.first_delay_s * 2.0 ** min(self._failures - 1, 10)
        longest = min(self._patience.longest_delay_s, doubled)
        # Never all at once: they have all been closed by the same restart.
        return (lost.after_s or 0.0) + longest * random.uniform(0.5, 1.0)


class _Lost(Exception):
    """A connection is over, or none came up; *after_s* as the server asked."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


def _why_lost(why: ConnectionClosed | TimeoutError) -> _Lost:
    """The end of a connection. Raises Mistaken if another would end as this one."""
    if isinstance(why, TimeoutError):
        return _Lost("not a word for too long")
    closed = why.rcvd
    if closed is None:
        return _Lost("the connection broke off")
    if closed.code in FATAL:
        raise Mistaken(str(closed.code), closed.reason) from why
    hint = _HINT.fullmatch(closed.reason) if closed.code == RESTART else None
    return _Lost(
        f"closed with {closed.code} {closed.reason}", int(hint[1]) / 1000 if hint else None
    )
