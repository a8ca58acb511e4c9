"""Every tick to the clients of one shard that want each of them.

Works on the shard's roster and tape and sends frames; keeps no state of its own. What a shard that
died was sending is a gap for those who had not got it, and its successor tells everybody.

Source: docs/protocol.md, "Every tick".
"""

from __future__ import annotations

from collections.abc import Iterable

from ...domain.clock import Monotonic
from ...domain.ids import InstrumentIdx
from . import replies
from .board import Board, Move
from .channels import within
from .messages import PricesRead
from .pace import Pace
from .roster import Roster
from .tape import Tape

#: Between two sends to one client: its prices do not wait for company, but do not come in a hail.
PAUSE_S = 0.05


class Ticker:
    """Sends what the tape holds, in order and joined; nothing of it is ever left out."""

    def __init__(self, roster: Roster, board: Board, tape: Tape, monotonic: Monotonic) -> None:
        self._roster = roster
        self._board = board
        self._tape = tape
        self._monotonic = monotonic
        self._next_at = float("-inf")

    @property
    def waits(self) -> bool:
        """Whether any tick is still to be sent."""
        return self._tape.waits

    def next_at(self, now_s: float) -> float:
        """When what waits at *now_s* may go out; monotonic seconds, not before *now_s*."""
        return max(now_s, self._next_at)

    def start(self) -> None:
        """Have the tape run."""
        self._tape.start(self._board)

    def take_over(self) -> None:
        """Tell of what a shard that died may not have sent to everybody."""
        self._show(self._tape.unsure(), lost=True)
        self._tape.all_sent()

    def moved(self, move: Move) -> None:
        """Keep a tick for the next flush, or tell that some before it are missing."""
        if self._tape.running and not self._tape.moved(move):
            self._send()
            self._show([move.idx], lost=True)
            self._tape.all_sent()

    def flush(self) -> None:
        """Send the ticks that wait; let the tape stop if nobody listens."""
        self._send()
        self._tape.all_sent()

    def read(self, read: PricesRead) -> None:
        """Show what was read and is not what the tape has."""
        self.flush()
        if self._tape.running:
            reading = self._tape.read(read.epoch, read.prices, certain=read.relinked)
            self._show(reading.lost, lost=True)
            self._show(reading.changed)
            self._tape.all_sent()

    def _send(self) -> None:
        if not self._roster.ticked:
            self._tape.stop()
        moves = self._tape.take()
        if not moves:
            return
        pace = Pace(self._monotonic)
        self._next_at = self._monotonic() + PAUSE_S
        for group, members in tuple(self._roster.ticked.items()):
            frames = [move.frame for move in moves if within(group, move.idx)]
            joined = b"".join(frames)
            for client in tuple(members) if frames else ():
                client.link.send(joined, messages=len(frames))
                pace.step()

    def _show(self, indexes: Iterable[InstrumentIdx], *, lost: bool = False) -> None:
        if not self._tape.running:
            return  # those who listened have left meanwhile
        shown = {idx: self._frames(idx, lost) for idx in indexes}
        if not shown:
            return
        pace = Pace(self._monotonic)
        for group, members in tuple(self._roster.ticked.items()):
            frames = [frame for idx in shown if within(group, idx) for frame in shown[idx]]
            joined = b"".join(frames)
            for client in tuple(members) if frames else ():
                client.link.send(joined, messages=len(frames))
                pace.step()

    def _frames(self, idx: InstrumentIdx, lost: bool) -> list[bytes]:
        snapshot = self._tape.snapshot(idx)
        return [replies.resync(f"price:{idx}", "GAP"), snapshot] if lost else [snapshot]
