"""Addresses: how actors and HTTP code reach a child, by its name and across its restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from .future import Future
from .mailbox import Mailbox

M_contra = TypeVar("M_contra", contravariant=True)

ASK_S = 5.0  #: seconds an ask waits unless told otherwise


class Address(Generic[M_contra]):
    """A child's name to send to. It outlives incarnations, and exists before and after them."""

    __slots__ = ("_mailbox", "name")

    def __init__(self, name: str, mailbox: Mailbox) -> None:
        self.name = name
        self._mailbox = mailbox

    def __repr__(self) -> str:
        return f"<Address {self.name}>"

    def tell(self, message: M_contra) -> bool:
        """Send *message*; False if it is lost at once, which is counted. Never blocks or raises."""
        return self._mailbox.deliver(message)

    def ask(self, message: M_contra, timeout_s: float = ASK_S) -> Any:
        """Send *message* and wait for what the child's ``receive`` returns.

        Only downwards in the tree or from outside: two actors that ask each other deadlock.

        Raises:
            Undelivered: the mailbox is full, or the child unknown or stopped; at once.
            AskTimeout: no answer within *timeout_s*; the message may still be handled.
            Exception: what the child raised; it crashes by it as well.
        """
        answer = Future()
        self._mailbox.deliver(message, answer)
        return answer.get(timeout=timeout_s)


class Addresses:
    """All names of a process. Made before the tree, so that child factories close over it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._mailboxes: dict[str, Mailbox] = {}

    def of(self, name: str) -> Address[Any]:
        """The address of child *name*, whether or not such a child exists yet."""
        return Address(name, self.mailbox(name))

    def mailbox(self, name: str) -> Mailbox:
        """The mailbox behind *name*; for supervisors, which open and close it."""
        if name not in self._mailboxes:
            self._mailboxes[name] = Mailbox(name, self._monotonic)
        return self._mailboxes[name]

    def undelivered(self) -> Mapping[str, int]:
        """Messages lost so far by addressee; names without losses are left out."""
        return {name: box.dropped for name, box in self._mailboxes.items() if box.dropped}
