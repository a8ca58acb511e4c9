"""Addresses that remember what they were told, for tests of an actor without a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from touchline.actors.address import ASK_S, Address
from touchline.actors.mailbox import Mailbox


class RecordingAddress(Address[Any]):
    """Keeps every message in ``told``; answers asks by *answer*, a function of the message."""

    __slots__ = ("_answer", "told")

    def __init__(self, name: str = "recorder", answer: Callable[[Any], Any] | None = None) -> None:
        super().__init__(name, Mailbox(name))
        self.told: list[Any] = []
        self._answer = answer

    def tell(self, message: Any) -> bool:
        self.told.append(message)
        return True

    def ask(self, message: Any, timeout_s: float = ASK_S) -> Any:
        self.told.append(message)
        return None if self._answer is None else self._answer(message)
