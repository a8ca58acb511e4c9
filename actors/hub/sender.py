"""Writes to one socket without ever blocking.

As long as the kernel takes everything, a send is one system call and nothing
is kept. When it does not, an `Outbox` and a write watcher exist until the
client has caught up.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import gevent

from ...domain.clock import Monotonic
from .outbox import Outbox
from .traffic import Traffic

WRITABLE = 2  #: libev's event mask


class Writer(Protocol):
    """Who is told how the writing goes; called from the event loop too."""

    def guarded(self, work: Callable[[], None]) -> None:
        """Run *work* so that its exceptions stay with this client."""

    def broken(self) -> None:
        """The socket takes no more: the peer is gone."""

    def fell_behind(self) -> None:
        """The kernel takes no more: what is sent waits, behind what waits already."""

    def drained(self) -> None:
        """Everything that waited is with the kernel."""


class Sender:
    """The outgoing side of one connection."""

    __slots__ = ("_host", "_monotonic", "_outbox", "_sock", "_traffic", "_watcher", "stalled_at")

    def __init__(
        self, sock: _socket.socket, host: Writer, monotonic: Monotonic, traffic: Traffic
    ) -> None:
        self._sock = sock
        self._traffic = traffic
        self._host = host
        self._monotonic = monotonic
        self._outbox: Outbox | None = None
        self._watcher: Any = None
        self.stalled_at: float | None = None  #: seconds; since when the kernel takes nothing

    @property
    def behind(self) -> bool:
        """Whether frames wait for the kernel."""
        return self._outbox is not None

    @property
    def hopeless(self) -> bool:
        """Whether the client is too far behind to keep."""
        return self._outbox is not None and self._outbox.overflows

    @property
    def between_frames(self) -> bool:
        """Whether a frame written now would begin where a frame may begin."""
        return self._outbox is None or self._outbox.untouched

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        """Send *frame*, which holds *messages*; prices of *supersedes* still waiting go."""
        self._traffic.messages += messages
        if self._outbox is not None:
            self._traffic.conflated += self._outbox.put(frame, supersedes)
            return
        written = self.write(frame)
        if written is not None and written < len(frame):
            self._fall_behind(frame[written:])

    def send_prices(self, joined: bytes, frames: Mapping[int, bytes]) -> None:
        """Send *joined*, which is *frames* in order; behind, only the newest per index waits."""
        self._traffic.messages += len(frames)
        if self._outbox is None:
            written = self.write(joined)
            if written is None or written == len(joined):
                return
            # A frame once begun has to be finished; one not begun may conflate.
            outbox = self._fall_behind(joined[written:] if written else b"")
            if not written:
                outbox.put_prices(frames)
        else:
            self._traffic.conflated += self._outbox.put_prices(frames)

    def begun(self, rest: bytes) -> None:
        """Keep the *rest* of what the kernel has taken in part, from somebody else."""
        self._fall_behind(rest)

    def write(self, data: bytes | memoryview) -> int | None:
        """Offer *data* to the kernel; return what it took, None if the peer is gone."""
        try:
            written = self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._host.broken()
            return None
        self._traffic.bytes += written
        return written

    def stop(self) -> None:
        """Forget what waits and stop watching."""
        self._outbox = self.stalled_at = None
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def end(self) -> None:
        """Stop for good, and let go of the connection, which holds this."""
        self.stop()
        del self._host

    def _fall_behind(self, rest: bytes) -> Outbox:
        self._outbox = Outbox(rest)
        self.stalled_at = self._monotonic()
        self._watcher = gevent.get_hub().loop.io(self._sock.fileno(), WRITABLE)
        self._watcher.start(self._host.guarded, self._writable)
        self._host.fell_behind()
        return self._outbox

    def _writable(self) -> None:
        while self._outbox is not None:
            chunk = self._outbox.chunk()
            if not chunk:
                self.stop()
                return self._host.drained()
            written = self.write(chunk)
            if not written:
                return None
            self._outbox.sent(written)
            self.stalled_at = self._monotonic()
        return None
