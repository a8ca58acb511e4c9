"""How often the feed is asked, at any speed of the calendar.

Source: docs/operations.md, "The feed".
"""

from dataclasses import dataclass

from ...domain.allowance import HOURLY

POLL_MS = 2_000  #: calendar ms between two looks at matches in play
POLL_FLOOR_S = 0.02  #: real seconds between two looks, however fast the calendar runs
STALE_MS = 10_000  #: a match in play not seen for this long is stale
STALE_POLLS = 5  #: and for at least so many polls, where the floor makes polls rare
LIST_MS = 3_600_000  #: calendar ms between two listings of what is to be played
LIST_FLOOR_S = 30.0  #: real seconds between two listings
REVIEW_MS = 600_000  #: calendar ms between two looks at a match that was settled some hours ago
REVIEW_FLOOR_S = 0.5  #: real seconds between two looks at it


@dataclass(frozen=True, slots=True)
class Pace:
    """*poll_s* is real seconds, the others calendar ms.

    *hourly*: calls an hour of the plan, should the feed not tell.
    """

    poll_s: float
    stale_ms: int
    list_ms: int
    review_ms: int
    hourly: int = HOURLY

    @classmethod
    def at(cls, speed: float, hourly: int = HOURLY) -> "Pace":
        """The pace for a calendar that runs *speed* times as fast as real time.

        Raises:
            ValueError: the calendar stands still or runs backwards.
        """
        if speed <= 0:
            raise ValueError(f"a calendar at speed {speed} comes to no poll")
        poll_s = max(POLL_FLOOR_S, POLL_MS / 1000 / speed)
        return cls(
            poll_s=poll_s,
            stale_ms=max(STALE_MS, round(STALE_POLLS * poll_s * 1000 * speed)),
            list_ms=max(LIST_MS, round(LIST_FLOOR_S * 1000 * speed)),
            review_ms=max(REVIEW_MS, round(REVIEW_FLOOR_S * 1000 * speed)),
            hourly=hourly,
        )
