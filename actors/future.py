"""The future behind an ask: pykka's protocol over gevent's AsyncResult."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import pykka
from gevent.event import AsyncResult

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class Future(pykka.Future[Any]):
    """One answer, set once by the actor and read by the asker's greenlet."""

    def __init__(self) -> None:
        super().__init__()
        self._result = AsyncResult()

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the answer.

        Raises:
            pykka.Timeout: no answer within *timeout* seconds.
            Exception: whatever the actor raised while it handled the message.
        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        # wait(), not get(timeout): an enclosing gevent.Timeout of the caller's
        # own must pass through and not be taken for ours.
        self._result.wait(timeout)
        if not self._result.ready():
            raise pykka.Timeout(f"no answer within {timeout} s")
        return self._result.get(block=False)

    def set(self, value: Any = None) -> None:
        """Answer with *value*."""
        self._result.set(value)

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Answer with an exception; by default the one being handled."""
        exception = (exc_info or sys.exc_info())[1]
        self._result.set_exception(exception)

    def fail(self, exception: BaseException) -> None:
        """Answer with *exception*; the asker's ``get`` raises it."""
        self._result.set_exception(exception)
