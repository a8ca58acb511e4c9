"""Giving way during long work on many clients.

A broadcast is thousands of system calls. Done in one go, its length would be
the loop's lag and with it everybody's latency; so it is cut into slices.
"""

from __future__ import annotations

import gevent

from ...domain.clock import Monotonic

SLICE_S = 0.002
#: Not zero: a sleep of zero lets other greenlets run but starves timers and sockets.
YIELD_S = 1e-6
LOOK_STEPS = 32  #: between two looks at the clock; of system calls, a tenth of a slice


class Pace:
    """Counts the steps of one long piece of work."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._steps = 0
        self._slice_at = monotonic()

    def step(self, count: int = 1) -> None:
        """Note *count* steps; let the event loop turn if the slice is used up."""
        self._steps += count
        if self._steps < LOOK_STEPS:
            return
        self._steps = 0
        if self._monotonic() - self._slice_at > SLICE_S:
            gevent.sleep(YIELD_S)
            self._slice_at = self._monotonic()
