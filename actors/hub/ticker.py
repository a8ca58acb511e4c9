"""Every tick to the clients of one shard that want each of them.

Works on the shard's roster and tape and sends frames; keeps no state of its own. What a shard that
died was sending is a gap for those who had not got it, and its successor tells everybody.

Source: docs/protocol.md, "Every tick".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...domain.clock import Monotonic
from .board import Board
from .channels import within
from .pace import Pace
from .roster import Roster
from .tape import News, Tape

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
        return now_s if self._tape.urgent else max(now_s, self._next_at)

    def start(self) -> None:
        """Have the tape run."""
        self._tape.start(self._board)

    def take_over(self) -> None:
        """Have all told of what a shard that died may not have sent to everybody."""
        self._tape.doubt()

    def flush(self) -> None:
        """Send the ticks that wait; stop if nobody listens. What comes meanwhile waits its turn."""
        if not self._roster.ticked:
            self._tape.stop()
        if self._tape.waits:
            self._send(self._tape.take(), Pace(self._monotonic).step)

    def catch_up(self) -> None:
        """Send ticks until none waits: somebody is to be shown what is newer."""
        self.flush()
        if self._tape.waits:
            # What came meanwhile, without giving way: in a fast market that would have no end.
            self._send(self._tape.take(), _hold)

    def _send(self, news: Sequence[News], step: Callable[[], None]) -> None:
        self._next_at = self._monotonic() + PAUSE_S
        for group, members in tuple(self._roster.ticked.items()):
            wanted = [each for each in news if within(group, each.idx)]
            joined = b"".join(each.frames for each in wanted)
            messages = sum(each.messages for each in wanted)
            for client in tuple(members) if wanted else ():
                client.link.send(joined, messages=messages)
                step()
        self._tape.all_sent()


def _hold() -> None:
    """Let nobody else have a turn."""
