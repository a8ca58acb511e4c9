"""Channels whose every message is the whole state, and therefore replaces the one before.

A *bulletin* is such a state under its number; a *noticeboard* has the newest of every channel that
there is. Which channels these are, and what they carry, is the business of whoever posts them: a
new kind needs what it is called, what it shows, and when it is read.

Pure. Each shard has its own noticeboard, moved by its own mailbox, so that a snapshot and the
updates behind it are one story.

Source: docs/protocol.md, "Fixtures over the socket".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from ...domain.fixture_views import fixture_view
from ...store.fixture_news import ToldFixture
from . import replies
from .board import NO_EPOCH


@dataclass(frozen=True, slots=True)
class Bulletin:
    """The state of *channel* as of number *seq* of *epoch*; *data* as clients get it."""

    epoch: int
    channel: str
    seq: int
    data: msgspec.Raw


def fixture_channel(fixture: int | str) -> str:
    """The channel of one fixture."""
    return f"fixture:{fixture}"


def fixture_bulletin(epoch: int, told: ToldFixture) -> Bulletin:
    """What clients are shown of a fixture."""
    data = msgspec.Raw(msgspec.json.encode(fixture_view(told.fixture)))
    return Bulletin(epoch, fixture_channel(told.fixture.id), told.seq, data)


class Noticeboard:
    """The newest bulletin of every channel, all of one `epoch`."""

    def __init__(self) -> None:
        self.epoch = NO_EPOCH
        self._bulletins: dict[str, Bulletin] = {}

    @property
    def known(self) -> Collection[str]:
        """The channels there are."""
        return self._bulletins.keys()

    def seq(self, channel: str) -> int:
        """The number that a snapshot would show."""
        return self._bulletins[channel].seq

    def snapshot(self, channel: str) -> bytes:
        """The snapshot frame of one channel."""
        return snapshot(self._bulletins[channel])

    def read(self, epoch: int, bulletins: Iterable[Bulletin]) -> list[Bulletin]:
        """Take over all that were read; return those that must be sent anew.

        In another epoch than before that is every one of them, whatever its number.
        """
        before = self._bulletins if epoch == self.epoch else {}
        self.epoch = epoch
        self._bulletins = {each.channel: each for each in bulletins}
        return [
            each
            for channel, each in self._bulletins.items()
            if channel not in before or before[channel].seq != each.seq
        ]

    def post(self, bulletin: Bulletin) -> bool:
        """Put a new one up; False if it is old, or of another epoch than what was read."""
        if bulletin.epoch != self.epoch:
            return False
        before = self._bulletins.get(bulletin.channel)
        if before is not None and bulletin.seq <= before.seq:
            return False
        self._bulletins[bulletin.channel] = bulletin
        return True


def snapshot(bulletin: Bulletin) -> bytes:
    """*bulletin* as the frame of a snapshot."""
    return replies.snapshot(bulletin.channel, bulletin.epoch, bulletin.seq, bulletin.data)


def update(bulletin: Bulletin) -> bytes:
    """*bulletin* as the frame of an update."""
    return replies.update(bulletin.channel, bulletin.seq, bulletin.data)
