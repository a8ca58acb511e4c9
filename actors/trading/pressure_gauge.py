"""Looks at how full Redis is, so that nothing new begins while it is too full."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from ...store.pressure import Load
from ..actor import Actor
from ..meters import PressureMeter
from .messages import GaugeDue

GAUGE_S = 0.5  #: real seconds between two looks; 10,000 trades a second are 5,000 facts too many

log = structlog.get_logger(__name__)


class PressureGauge(Actor[GaugeDue]):
    """Finds out twice a second whether new trades have to pause.

    Duty: purchases and openings pause while more facts wait for Postgres than `OUTBOX_MAX`, or
    four fifths of Redis' memory are used, and go on by themselves below that.
    Reads: the lengths of `trade_outbox` and `position_outbox`, what Redis says of its memory.
    Writes: its findings into the meter it was given, where HTTP reads them without a message.
    Lease: none; every api-server looks for itself, and all see the same Redis.
    While it is down: what was found last holds.
    """

    def __init__(self, look: Callable[[], Load], facts_max: int, meter: PressureMeter) -> None:
        super().__init__()
        self._look = look
        self._facts_max = facts_max
        self._meter = meter

    def started(self) -> None:
        self._gauge()
        self.every(GAUGE_S, GaugeDue())

    def receive(self, message: GaugeDue) -> None:
        self._gauge()

    def detail(self) -> Mapping[str, object]:
        found, why = self._meter.load, self._meter.why
        return {
            "facts": found.facts,
            "memory": None if found.memory is None else round(found.memory, 3),
            "ailing": f"new trades are paused: {why}" if why else "",
        }

    def _gauge(self) -> None:
        meter = self._meter
        meter.load = self._look()
        was_paused = meter.paused()
        meter.why = meter.load.excess(self._facts_max, was_paused)
        if meter.paused() and not was_paused:
            log.warning("new trades are paused", why=meter.why)
        elif was_paused and not meter.paused():
            log.info("new trades are taken again")
