"""What one listener counts: requests, their answers and how long those took."""

from __future__ import annotations

from ..actors.meters import Spread

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


class HttpMeter:
    """Kept outside the server, so that a listener that restarts goes on counting.

    Attributes:
        listener: the child's name.
        answered: requests by the class of their status.
        open: connections open now.
    """

    __slots__ = ("answered", "listener", "open", "seconds")

    def __init__(self, listener: str) -> None:
        self.listener = listener
        self.answered = dict.fromkeys(CLASSES, 0)
        self.seconds = Spread()
        self.open = 0

    def add(self, status: int, seconds: float) -> None:
        """Count one request."""
        self.refused(status)
        self.seconds.add(seconds)

    def refused(self, status: int) -> None:
        """Count one that never came to be a request: it had no readable head, or no room."""
        self.answered[CLASSES[status // 100 - 1]] += 1
