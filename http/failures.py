"""A log of requests that failed, which those who make them fail cannot fill."""

from __future__ import annotations

import structlog

from ..domain.clock import Monotonic

LOG_EVERY_S = 10.0  #: seconds between two tracebacks: requests that fail must not fill the disk

log = structlog.get_logger(__name__)


class FailureLog:
    """Writes the first failure of every LOG_EVERY_S with its traceback, and counts the others."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._quiet_until = monotonic()
        self._unwritten = 0

    def add(self, error: BaseException) -> None:
        """Note that a request ended with *error*."""
        self._unwritten += 1
        now = self._monotonic()
        if now >= self._quiet_until:
            log.error("socket.requests_failed", failures=self._unwritten, exc_info=error)
            self._unwritten = 0
            self._quiet_until = now + LOG_EVERY_S
