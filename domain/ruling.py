"""What operators want of the market: the mode of all of it, and halts of single instruments.

Both are the same two bits of an instrument's halts, ADMIN and REDUCE_ONLY. An instrument has those
that are its own and those of the mode together, so that the end of one leaves the other in force.
Twin of lua/rules.lua and of the scripts it is put before. Source: docs/market.md, "Operators".
"""

from dataclasses import replace
from enum import StrEnum

from .halts import OPEN, Halt
from .instrument import Instrument
from .ticks import ticked

RULED = Halt.ADMIN | Halt.REDUCE_ONLY
"""Set and cleared by operators alone."""


class Mode(StrEnum):
    """What the whole market may do, or one instrument by itself."""

    ENABLED = "enabled"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"


_HALTS = {Mode.ENABLED: OPEN, Mode.REDUCE_ONLY: Halt.REDUCE_ONLY, Mode.HALTED: Halt.ADMIN}


def halt_of(mode: Mode) -> Halt:
    """The halts that *mode* stands for."""
    return _HALTS[mode]


def ruled(instrument: Instrument, own: Mode, market: Mode, now_ms: int) -> Instrument:
    """*instrument* with the halts of its *own* mode and of the *market*'s, those of others kept.

    The same object if it has them; else a tick is published, whatever the price.
    """
    halt = (instrument.halt & ~RULED) | halt_of(own) | halt_of(market)
    if halt == instrument.halt:
        return instrument
    return ticked(replace(instrument, halt=halt), now_ms)
