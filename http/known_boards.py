"""Leaderboards that were read a moment ago, for the many who ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gevent.event import AsyncResult

from ..domain.clock import Monotonic
from ..domain.leaderboard import Board, Standing
from ..store.outage import OUTAGES

AGE_S = 5.0  #: real seconds; a third of the time between two rankings
MOST = 8  #: boards that are known at a time; who asks for others has them read again

Read = Callable[[Board], Standing]


@dataclass(frozen=True, slots=True)
class _Reading:
    found: AsyncResult[Standing | None]  #: None: whoever read it was stopped, or met a bug
    until: float


class KnownBoards:
    """Boards as of at most `AGE_S` ago; many who ask for one at once have it read once."""

    def __init__(self, read: Read, monotonic: Monotonic = time.monotonic) -> None:
        self._read = read
        self._monotonic = monotonic
        self._readings: dict[Board, _Reading] = {}  # that which was begun last comes last

    def of(self, board: Board) -> Standing:
        """Everybody who is ranked on *board*.

        Raises: the outage that reading it met, for everybody who waits for it.
        """
        reading = self._readings.get(board)
        if reading is None or (reading.found.ready() and self._monotonic() >= reading.until):
            return self._begin(board)
        return reading.found.get() or self.of(board)

    def _begin(self, board: Board) -> Standing:
        reading = _Reading(AsyncResult(), self._monotonic() + AGE_S)
        self._readings.pop(board, None)
        self._readings[board] = reading
        for oldest in list(self._readings)[:-MOST]:
            del self._readings[oldest]
        standing: Standing | None = None
        try:
            standing = self._read(board)
        except OUTAGES as outage:
            reading.found.set_exception(outage)
            raise
        finally:
            if standing is None and self._readings.get(board) is reading:
                del self._readings[board]
            if not reading.found.ready():
                reading.found.set(standing)
        return standing
