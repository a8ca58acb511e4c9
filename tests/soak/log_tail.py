"""The end of Valkey's append-only file, to be lost as in a power cut."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random

import gevent

LOOK_S = 0.05
LOST_S = (0.5, 1.0)  #: a log that is synced every second may be so far behind


class LogTail:
    """Remembers how long the log was a moment ago.

    Args:
        valkey: Valkey's directory.
    """

    def __init__(
        self, valkey: Path, random: Random, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._valkey, self._random, self._now_s = valkey, random, now_s
        self._seen: deque[tuple[float, Path, int]] = deque(maxlen=int(2 * LOST_S[1] / LOOK_S))

    def follow(self) -> None:
        """Look at it, for ever."""
        while True:
            self.look()
            gevent.sleep(LOOK_S)

    def look(self) -> None:
        """Note how long it is now."""
        if (log := self._newest()) is not None:
            self._seen.append((self._now_s(), log, log.stat().st_size))

    def cut(self) -> int:
        """Cut off what was written in the last moments; how many bytes that was."""
        log, since = self._newest(), self._now_s() - self._random.uniform(*LOST_S)
        seen = [size for at, path, size in self._seen if path == log and at >= since]
        self._seen.clear()  # it grows anew from there
        if log is None or not seen:
            return 0
        lost = log.stat().st_size - seen[0]
        os.truncate(log, seen[0])
        return lost

    def wipe(self) -> None:
        """Lose all of it, and every copy."""
        for each in self._valkey.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        self._seen.clear()

    def _newest(self) -> Path | None:
        logs = self._valkey.glob("appendonlydir/*.incr.aof")
        return max(logs, key=lambda log: int(log.name.split(".")[-3]), default=None)
