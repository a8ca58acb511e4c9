"""Why an instrument may not be traded: a bit mask, and what each bit stops.

Source: docs/market.md, "Halts".
"""

from enum import IntFlag, StrEnum


class Phase(StrEnum):
    """Where the club's match stands; ``scheduled`` when it has none."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    BREAK = "break"
    SHOOTOUT = "shootout"
    FINISHED = "finished"
    SUSPENDED = "suspended"
    VOID = "void"


IN_PLAY = frozenset({Phase.LIVE, Phase.BREAK})
"""Who watches the match knows of a goal before the feed does; lua/market.lua has the same two."""


class Halt(IntFlag):
    """Reasons to stop trading; several can hold at once, no bit means open."""

    MATCH_SUSPENDED = 1
    FEED_STALE = 2
    EVENT = 4
    ADMIN = 8
    CIRCUIT = 16
    REDUCE_ONLY = 32


OPEN = Halt(0)

FEED_HALTS = Halt.MATCH_SUSPENDED | Halt.FEED_STALE | Halt.EVENT
"""Set and cleared by the feed alone; lua/index_apply.lua relies on them being the lowest three."""

CLOSE_HALTS = FEED_HALTS | Halt.ADMIN
"""Also stop closing: a stale or disputed price is a free option for those who leave too."""


def stops_opening(halt: Halt) -> bool:
    """Whether *halt* refuses purchases and other new exposure."""
    return halt != OPEN


def stops_closing(halt: Halt) -> bool:
    """Whether *halt* refuses sales of what is held."""
    return bool(halt & CLOSE_HALTS)


def reasons(halt: Halt, phase: Phase) -> tuple[str, ...]:
    """Codes for clients, lowest bit first; a shoot-out shows as such, not as a suspension."""
    names = [bit.name or "" for bit in Halt if bit & halt]
    if phase is Phase.SHOOTOUT and Halt.MATCH_SUSPENDED in halt:
        names[0] = "SHOOTOUT"
    return tuple(names)
