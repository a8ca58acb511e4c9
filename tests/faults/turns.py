"""In which order and at what pace children are killed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

import gevent

from .process import ChildPath, Service
from .waiting import LOOK_S

WINDOW_S = 10.0
ROOT_FORGIVES = 5  #: crashes in any `WINDOW_S`


class Turns:
    """Every child of *services* once, a supervisor before what it holds.

    The next one comes when the root has forgiven enough of those before it: what is tested is
    one death, not too many.
    """

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._waiting = {name: list(service.children()) for name, service in services.items()}
        self._deaths: defaultdict[str, list[float]] = defaultdict(list)  # below the root itself

    def __iter__(self) -> Iterator[tuple[str, ChildPath]]:
        while any(self._waiting.values()):
            for name, waiting in self._waiting.items():
                if waiting and self._may_die(name, waiting[0]):
                    path = waiting.pop(0)
                    yield name, path
                    # Asked for the next one, so this one's death is over.
                    if len(path) == 1:
                        self._deaths[name].append(time.monotonic())
            gevent.sleep(LOOK_S)

    def _may_die(self, service: str, path: ChildPath) -> bool:
        if len(path) > 1:  # in a group each duty counts by itself, and dies once
            return True
        since = time.monotonic() - WINDOW_S
        return sum(at > since for at in self._deaths[service]) < ROOT_FORGIVES
