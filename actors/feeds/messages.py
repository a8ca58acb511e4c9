"""Messages of the football feed's actors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PollDue:
    """The scheduler's own timer: time to look at the feed, if anything can be happening."""


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """The scheduler's own timer: time to renew the lease, or to try for it."""
