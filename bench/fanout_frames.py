"""What bench/fanout.py's processes agree on: how long an update is, and when each was published.

The board of times is a file that the publisher writes and the clients read, so that a latency is
from the moment before an update is published to the moment its frame was read, on one clock.
"""

from __future__ import annotations

import mmap
from pathlib import Path

CHANNELS = 64  #: prices have numbers below this
SEQS = 8_192  #: remembered of each channel; they wrap
USERS = 32_768
USER_SEQS = 8
#: A frame with a longer payload is an update, in all servers alike; heartbeats and answers are not.
SHORT = 125

_PORTFOLIOS = CHANNELS * SEQS
BOARD_BYTES = 8 * (_PORTFOLIOS + USERS * USER_SEQS)


def price_slot(channel: int, seq: int) -> int:
    """Where the time of update *seq* of a price is."""
    return channel * SEQS + seq % SEQS


def portfolio_slot(user: int, seq: int) -> int:
    """Where the time of event *seq* of a user's portfolio is."""
    return _PORTFOLIOS + user % USERS * USER_SEQS + seq % USER_SEQS


def open_board(path: Path) -> memoryview:
    """The times in nanoseconds of the monotonic clock; 0 where there is none."""
    if not path.exists():
        path.write_bytes(bytes(BOARD_BYTES))
    with path.open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), BOARD_BYTES)).cast("Q")


def masked(text: bytes, opcode: int = 1) -> bytes:
    """A client's frame; masked with zeros, which leaves the payload as it is."""
    if len(text) <= SHORT:
        head = bytes((0x80 | opcode, 0x80 | len(text)))
    else:
        head = bytes((0x80 | opcode, 0x80 | 126)) + len(text).to_bytes(2)
    return head + bytes(4) + text
