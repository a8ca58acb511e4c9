"""The last price that each club had in each week: what a week that has ended is valued at.

Source: docs/market.md, "The end of a week".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from .candles import CandleTick
from .leaderboard import WEEK_MS, week_of

_MONDAY_MS = 3 * 24 * 3_600_000  #: the Unix epoch is a Thursday


@dataclass(frozen=True, slots=True)
class WeekClose:
    """The ticks that a club had in the week named *week*.

    Attributes:
        first_seq, last_seq: the numbers of the first and the last of them.
        tick_id, mark_px: the last one's id, and its mark (1e-4 coin).
    """

    week: str
    first_seq: int
    last_seq: int
    tick_id: str
    mark_px: int


def week_closes(ticks: Sequence[CandleTick]) -> list[WeekClose]:
    """What *ticks*, oldest first, come to in each week that they lie in.

    A tick of the very instant at which the next week begins still belongs to the one that ends.
    """
    if not ticks:
        return []
    if _number(ticks[0]) == _number(ticks[-1]):  # nearly always
        return [_close(ticks[0], ticks[-1])]
    weeks = (list(some) for _, some in groupby(ticks, _number))
    return [_close(some[0], some[-1]) for some in weeks]


def _number(tick: CandleTick) -> int:
    return (tick.at_ms - 1 + _MONDAY_MS) // WEEK_MS


def _close(first: CandleTick, last: CandleTick) -> WeekClose:
    week = week_of(last.at_ms - 1).name
    return WeekClose(week, first.seq, last.seq, last.id, last.mark_px)
