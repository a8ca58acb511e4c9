"""One client's socket on the event loop: two watchers at most, no greenlet.

The watchers' callbacks run in gevent's hub greenlet. They must not block, and
nothing above them would see an exception, so each is guarded: a bug costs the
client it met, with close code 1011 and a log line, and nobody else.

Source: docs/decisions/0005-the-hub-adopts-the-socket.md.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, assert_never

import gevent
import structlog

from ...domain.clock import Monotonic
from .allowance import MESSAGE, PIECE, Allowance
from .close_codes import INTERNAL, RATE_LIMITED, SLOW_CONSUMER
from .deflate import Deflater
from .frames import (
    CloseReceived,
    Framing,
    Incoming,
    Limits,
    MessageReceived,
    PieceReceived,
    PingReceived,
    PongReceived,
    Violation,
)
from .sender import Sender
from .traffic import Traffic
from .tuning import half_close, reset_when_closed, tune

#: One read. At wsproto's 20 us a frame this bounds what a flood of empty
#: frames can take from everybody else in one turn of the loop.
READ_BYTES = 8 * 1024
READABLE = 1  #: libev's event mask

log = structlog.get_logger(__name__)


class Owner(Protocol):
    """Whom a connection tells; called from the event loop, so it must not block."""

    def received(self, data: str | bytes) -> None:
        """Take one whole message."""

    def flow_changed(self) -> None:
        """The client fell behind or caught up, and `Connection.direct` is another one now."""

    def left(self, reason: str) -> None:
        """The client takes part no more; *reason* is a close code, or how it went."""

    def released(self) -> None:
        """The file descriptor is closed; called once, last."""


class Connection:
    """An adopted WebSocket. Sending never blocks; a client too far behind is closed."""

    __slots__ = (
        "_allowance",
        "_close_s",
        "_deadline",
        "_deflater",
        "_framing",
        "_monotonic",
        "_owner",
        "_reader",
        "_sender",
        "_sock",
        "closing",
        "heard_at",
        "pinged_at",
    )

    def __init__(
        self,
        fd: int,
        limits: Limits,
        monotonic: Monotonic,
        traffic: Traffic,
        deflater: Deflater | None = None,
    ) -> None:
        """Take *deflater* if compression was agreed on with this client."""
        # The C socket: gevent's wrapper would add a kilobyte and two watchers each.
        self._sock = _socket.socket(fileno=fd)
        self._deflater = deflater
        self._framing = Framing(limits, inflate=deflater is not None)
        self._allowance = Allowance(limits.per_second)
        self._sender = Sender(self._sock, self, monotonic, traffic)
        self._monotonic = monotonic
        self._close_s = limits.close_s
        self._owner: Owner
        self._reader: Any = None
        self._deadline: Any = None
        self.closing = False
        self.heard_at = monotonic()  #: seconds; the last time any byte came
        self.pinged_at: float | None = None  #: seconds; a ping nobody answered yet

    @property
    def direct(self) -> _socket.socket | None:
        """The socket, while nothing waits that a `send` of it could overtake.

        None for a client whose messages are compressed, for they are not what goes to the others.
        """
        indirect = self.closing or self._sender.behind or self._deflater is not None
        return None if indirect else self._sock

    @property
    def stalled_at(self) -> float | None:
        """Since when (monotonic seconds) the kernel takes nothing more for this client."""
        return self._sender.stalled_at

    def open(self, owner: Owner, early: bytes) -> None:
        """Begin to read; *early* is what arrived together with the handshake."""
        self._owner = owner
        self._sock.setblocking(False)
        tune(self._sock)
        self._reader = gevent.get_hub().loop.io(self._sock.fileno(), READABLE)
        self._reader.start(self._woken)
        if early:
            self.guarded(lambda: self._feed(early))

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        """Send *frame*, which holds *messages*; prices of *supersedes* still waiting go."""
        if not self.closing:
            if self._deflater is not None:
                frame = self._deflater.deflated(frame)
            self._sender.send(frame, supersedes, messages)
            self._evict_if_hopeless()

    def send_prices(self, joined: bytes, frames: Mapping[int, bytes]) -> None:
        """Send *joined*, which is *frames* in order; behind, only the newest per index waits."""
        if not self.closing:
            if self._deflater is not None:
                joined, frames = self._deflater.deflated(joined), self._deflater.each(frames)
            self._sender.send_prices(joined, frames)
            self._evict_if_hopeless()

    def begun(self, rest: bytes) -> None:
        """Keep the *rest* of prices that went out by `direct` in part."""
        self._sender.begun(rest)
        self._evict_if_hopeless()

    def ping(self) -> None:
        """Ask for a sign of life; any byte is one."""
        if not self.closing:
            self.pinged_at = self._monotonic()
            self.send(self._framing.ping())

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what already waits, then wait for the client to go."""
        if not self.closing:
            self._finish(self._framing.close(code, reason), str(int(code)))

    def evict(self, code: int, reason: str) -> None:
        """Reset at once, after a close frame if one can still begin: frees the memory now."""
        if self.closing:
            return
        self._leave(str(int(code)))
        if self._sender.between_frames:
            self._sender.write(self._framing.close(code, reason))
        self._reset()

    # -- called by the event loop and by the sender ------------------------------

    def guarded(self, work: Callable[[], None]) -> None:
        """Run a callback of the event loop; its exception ends this client only."""
        try:
            work()
        except Exception:
            log.exception("hub.connection_crashed")
            self.evict(INTERNAL, "internal error")
            self._reset()

    def broken(self) -> None:
        """A write found the peer gone."""
        self._release("reset")

    def fell_behind(self) -> None:
        """Something waits, and nothing may overtake it."""
        self._owner.flow_changed()

    def drained(self) -> None:
        """The client caught up; if it is closing, its close frame is out."""
        if self.closing:
            self._half_close()
        else:
            self._owner.flow_changed()

    def _woken(self) -> None:
        self.guarded(self._readable)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            return self._release("reset")
        if data:
            self._feed(data)
        else:
            self._release("gone")

    def _feed(self, data: bytes) -> None:
        self.heard_at = self._monotonic()
        self.pinged_at = None
        if self.closing:
            return  # nothing counts any more but the end of the stream
        for incoming in self._framing.feed(data):
            if not self._take(incoming):
                return

    def _take(self, incoming: Incoming) -> bool:
        """Act on one event; False once the connection is closing."""
        cost = PIECE if isinstance(incoming, PieceReceived) else MESSAGE
        if self._allowance.spend(self.heard_at, cost):
            self._handle(incoming)
        else:
            self.close(RATE_LIMITED, "too many messages")
        return not self.closing

    def _handle(self, incoming: Incoming) -> None:
        match incoming:
            case MessageReceived():
                self._owner.received(incoming.data)
            case PingReceived():
                self.send(self._framing.pong(incoming.payload))
            case PieceReceived() | PongReceived():
                pass
            case CloseReceived():
                self._finish(incoming.reply, "by client")
            case Violation():
                self.close(incoming.code, incoming.reason)
            case _:
                assert_never(incoming)

    # -- ending --------------------------------------------------------------------

    def _finish(self, last: bytes, why: str) -> None:
        self._leave(why)
        self._deadline = gevent.get_hub().loop.timer(self._close_s)
        self._deadline.start(self.guarded, self._reset)
        self._sender.send(last)
        if not self._sender.behind:
            self._half_close()

    def _half_close(self) -> None:
        if self._reader is not None:
            half_close(self._sock)

    def _reset(self) -> None:
        if self._reader is not None:
            reset_when_closed(self._sock)
            self._release("reset")

    def _release(self, why: str) -> None:
        if self._reader is None:
            return
        for watcher in (self._reader, self._deadline):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._deadline = None
        self._sender.end()
        self._framing.end()
        self._sock.close()
        self._leave(why)
        self._owner.released()
        # Who comes and goes must not be left to be found as garbage: that holds up everybody.
        del self._owner

    def _leave(self, why: str) -> None:
        if not self.closing:
            self.closing = True
            self._owner.left(why)

    def _evict_if_hopeless(self) -> None:
        if self._sender.hopeless:
            self.evict(SLOW_CONSUMER, "too far behind")
