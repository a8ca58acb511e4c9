"""What the feed says and cannot be so, or needs somebody to look at: for health, metrics and log.

Source: docs/operations.md, "The feed".
"""

from collections.abc import Iterable, MutableMapping
from enum import StrEnum

import structlog

log = structlog.get_logger(__name__)

NAMED = 5  #: fixtures that a line names; the others are counted


class Doubt(StrEnum):
    """Why a match is doubted."""

    STILL = "still"  #: its clock is said to run and stands
    ENDLESS = "endless"  #: it should be over for hours, and was last said to be in play
    OTHERWISE = "otherwise"  #: it is settled, and may have come to something else


_WORDS = {
    Doubt.STILL: "the feed repeats an old answer about",
    Doubt.ENDLESS: "the feed has told no end of",
    Doubt.OTHERWISE: "prices may not be what was settled, or the feed says otherwise, of",
}


class Doubts:
    """Which fixtures are doubted, and why; *counts* is told how many."""

    def __init__(self, counts: MutableMapping[str, int]) -> None:
        self._counts = counts
        self._found: dict[Doubt, frozenset[int]] = {}

    @property
    def ailing(self) -> str:
        """All of them in words; empty if there are none."""
        return "; ".join(
            f"{_WORDS[why]} {_named(fixtures)}" for why, fixtures in self._found.items() if fixtures
        )

    def note(self, why: Doubt, fixtures: Iterable[int]) -> None:
        """These *fixtures*, and no others, are doubted for that reason."""
        now, before = frozenset(fixtures), self._found.get(why, frozenset())
        self._found[why] = now
        self._counts[why] = len(now)
        if now - before:
            log.warning("feed_doubted", why=str(why), fixtures=sorted(now - before))
        if before - now:
            log.info("feed_believed", why=str(why), fixtures=sorted(before - now))


def _named(fixtures: frozenset[int]) -> str:
    shown = ", ".join(map(str, sorted(fixtures)[:NAMED]))
    more = len(fixtures) - NAMED
    return f"{shown} and {more} more" if more > 0 else shown
