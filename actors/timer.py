"""Timers that do not pile up, and the clock they run on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent


class Clock(Protocol):
    """Real time for supervision: timeouts, backoff, health. Never calendar time."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never backwards."""

    def utc_ms(self) -> int:
        """Unix milliseconds of the machine, for operators to read."""

    def timer(
        self, first_s: float, repeat_s: float, fire: Callable[[], None]
    ) -> Callable[[], None]:
        """Call *fire* after *first_s* and then every *repeat_s* (0: once); return its cancel.

        *fire* runs in the event loop: it must neither block nor raise.
        """


class SystemClock:
    """The machine's clock and gevent's event loop."""

    monotonic = staticmethod(time.monotonic)  # read twice a message: no frame of our own around it

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def timer(
        self, first_s: float, repeat_s: float, fire: Callable[[], None]
    ) -> Callable[[], None]:
        watcher = gevent.get_hub().loop.timer(max(0.0, first_s), repeat_s)
        # The loop's idea of now is as old as its last turn; without the update
        # a timer armed after a long computation fires too early.
        watcher.start(fire, update=True)

        def cancel() -> None:
            watcher.stop()
            watcher.close()

        return cancel


SYSTEM_CLOCK = SystemClock()


class Timer:
    """One timer of one actor; it travels through the mailbox itself, so at most once at a time.

    Outside a supervisor it is never armed: it only records what the actor asked for.
    """

    __slots__ = (
        "_cancel",
        "_post",
        "_shelf",
        "first_s",
        "live",
        "message",
        "pending",
        "repeats",
        "seconds",
    )

    def __init__(
        self,
        seconds: float,
        message: Any,
        *,
        repeats: bool,
        shelf: dict[Timer, None],
        first_s: float | None = None,
    ) -> None:
        self.seconds = seconds  #: delay, and interval when it repeats
        self.first_s = seconds if first_s is None else first_s  #: until it fires first
        self.message = message
        self.repeats = repeats
        self.live = True  #: neither cancelled nor, if it fires once, used up
        self.pending = False  #: already waiting in the mailbox
        self._shelf = shelf
        self._post: Callable[[Timer], None] | None = None
        self._cancel: Callable[[], None] | None = None
        shelf[self] = None

    def arm(self, clock: Clock, post: Callable[[Timer], None]) -> None:
        """Let *clock* run the timer; *post* puts it into the owner's mailbox."""
        self._post = post
        repeat_s = self.seconds if self.repeats else 0.0
        self._cancel = clock.timer(self.first_s, repeat_s, self._fire)

    def cancel(self) -> None:
        """Stop for good; a message of it that already waits is not handled either."""
        self.live = False
        self._shelf.pop(self, None)
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def take(self) -> Any:
        """The message, now that the mailbox handed it out; None if cancelled meanwhile."""
        self.pending = False
        if not self.live:
            return None
        if not self.repeats:
            self.cancel()
        return self.message

    def _fire(self) -> None:
        if self._post is not None and not self.pending:
            self.pending = True
            self._post(self)
