"""What a replica has sent to its clients, counted where it is sent."""

from __future__ import annotations


class Traffic:
    """One for all connections of a replica; outlives shards and connections.

    Every send adds to it, so these are plain integers and nothing else.

    Attributes:
        messages: handed to a connection that was open, those included that wait there.
        bytes: taken by the kernel.
        conflated: of those messages, replaced by newer ones while their client was behind.
    """

    __slots__ = ("bytes", "conflated", "messages")

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.conflated = 0
