"""In which order the children of one supervisor are launched, and who goes down with whom."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from itertools import takewhile
from typing import assert_never

from .child import Strategy
from .health import State
from .slot import Slot

#: What a child that depends on another has to wait for.
UNSETTLED = frozenset({State.STARTING, State.BACKOFF, State.STUCK})


class LaunchOrder:
    """The slots in the order of the child list, and those of them that wait to be launched."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._slots: list[Slot] = []
        self._by_name: dict[str, Slot] = {}
        self._waiting: list[Slot] = []

    def __getitem__(self, name: str) -> Slot:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Slot]:
        return iter(tuple(self._slots))

    def __reversed__(self) -> Iterator[Slot]:
        return reversed(tuple(self._slots))

    def append(self, slot: Slot) -> None:
        """Add the next child of the list; it waits to be launched."""
        slot.position = len(self._slots)
        self._slots.append(slot)
        self._by_name[slot.name] = slot
        self.enlist(slot)

    def enlist(self, slot: Slot) -> None:
        """Let *slot* be launched when its turn comes; until then it holds up nobody itself."""
        if slot.actor is None:
            slot.state = State.STOPPED
        if slot.waiting:
            return
        slot.waiting = True
        insort(self._waiting, slot, key=lambda waiting: waiting.position)

    def next(self) -> Slot | None:
        """Take the first slot that waits and need not go on waiting for another."""
        slot = next((slot for slot in self._waiting if not self._must_wait(slot)), None)
        if slot is not None:
            self._waiting.remove(slot)
            slot.waiting = False
        return slot

    def companions(self, slot: Slot, *, itself: bool = False) -> Iterator[Slot]:
        """The live children that stop when *slot* ends, and start after it, last one first.

        Args:
            itself: *slot* is to be stopped too; it comes in its place.
        """
        for other in reversed(self):
            if other is slot:
                if itself:
                    yield slot
                if self._strategy is Strategy.REST_FOR_ONE:
                    return
            elif self._strategy is not Strategy.ONE_FOR_ONE and other.is_live():
                yield other

    def _must_wait(self, slot: Slot) -> bool:
        if slot.actor is not None:  # its predecessor survived a kill: never two at once
            return True
        match self._strategy:
            case Strategy.ONE_FOR_ONE:
                return False
            case Strategy.REST_FOR_ONE:
                before = takewhile(lambda other: other is not slot, self._slots)
                return any(other.state in UNSETTLED for other in before)
            case Strategy.ONE_FOR_ALL:
                return any(other.state in UNSETTLED for other in self._slots)
            case _:
                assert_never(self._strategy)
