"""What a client whose kernel buffer is full still has to get.

Pure: no socket. Exists only while a client is behind, so most clients have
none. Prices conflate by instrument (the newest wins); everything else keeps
its order and is never dropped: a client too far behind is disconnected.

Source: docs/protocol.md, "Slow clients".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

MAX_BYTES = 64 * 1024  #: a client further behind than this is disconnected
MAX_FRAMES = 256  #: ordered frames waiting; portfolio pushes are small, so this bounds them too
#: Handed to the kernel in one piece. What is joined can conflate no more, so
#: the piece is no larger than the send buffer.
CHUNK_BYTES = 16 * 1024


class Outbox:
    """Frames waiting for one client, oldest ordered frame first, prices last."""

    __slots__ = ("_chunk", "_ordered", "_prices", "size")

    def __init__(self, rest: bytes = b"") -> None:
        #: The tail of something partly sent goes first: a frame cannot stop halfway.
        self._chunk = memoryview(rest)
        self._ordered: deque[bytes] = deque()
        self._prices: dict[int, bytes] = {}
        self.size = len(rest)  #: bytes waiting

    @property
    def overflows(self) -> bool:
        """Whether the client is too far behind to keep."""
        return self.size > MAX_BYTES or len(self._ordered) > MAX_FRAMES

    @property
    def untouched(self) -> bool:
        """Whether the next byte sent begins a frame."""
        return not self._chunk

    def put(self, frame: bytes, supersedes: Iterable[int] = ()) -> int:
        """Queue *frame* in order; waiting prices of *supersedes* go, return how many did."""
        waiting = len(self._prices)
        for idx in supersedes:
            self.size -= len(self._prices.pop(idx, b""))
        self._ordered.append(frame)
        self.size += len(frame)
        return waiting - len(self._prices)

    def put_prices(self, frames: Mapping[int, bytes]) -> int:
        """Queue the newest price frame per instrument index; return how many replaced one."""
        waiting = len(self._prices)
        for idx, frame in frames.items():
            self.size += len(frame) - len(self._prices.get(idx, b""))
            self._prices[idx] = frame
        return waiting + len(frames) - len(self._prices)

    def chunk(self) -> memoryview:
        """Return the bytes to send next; empty when nothing waits."""
        if not self._chunk:
            self._chunk = memoryview(b"".join(self._next_frames()))
        return self._chunk

    def sent(self, count: int) -> None:
        """Note that the kernel took *count* bytes of the chunk."""
        self._chunk = self._chunk[count:]
        self.size -= count

    def _next_frames(self) -> list[bytes]:
        frames: list[bytes] = []
        room = CHUNK_BYTES
        while self._ordered and room > 0:
            frames.append(self._ordered.popleft())
            room -= len(frames[-1])
        while self._prices and room > 0:
            oldest = next(iter(self._prices))
            frames.append(self._prices.pop(oldest))
            room -= len(frames[-1])
        return frames
