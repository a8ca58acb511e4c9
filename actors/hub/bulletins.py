"""Channels whose every message is the whole state, and therefore replaces the one before.

A *bulletin* is such a state under its number; a *noticeboard* has the newest of every channel that
there is. Which channels these are, and what they carry, is the business of whoever posts them: a
new kind needs what it is called, what it shows, and when it is read.

Pure. Each shard has its own noticeboard, moved by its own mailbox, so that a snapshot and the
updates behind it are one story.

Source: docs/protocol.md, "Fixtures over the socket", "The leaderboard over the socket".
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

import msgspec

from ...domain.fixture_views import fixture_view
from ...domain.leaderboard import leaderboard_view
from ...store.fixture_news import ToldFixture
from ...store.leaderboard_news import WEEK, ToldBoard
from . import replies

FIXTURE = "fixture"  #: kind of the channels of fixtures
LEADERBOARD = "leaderboard"  #: kind of the channels of leaderboards


@dataclass(frozen=True, slots=True)
class Bulletin:
    """The state of *channel* as of number *seq* of *epoch*; *data* as clients get it."""

    epoch: int
    channel: str
    seq: int
    data: msgspec.Raw


def channel_of(kind: str, name: int | str) -> str:
    """The channel *name* of a kind."""
    return f"{kind}:{name}"


def kind_of(channel: str) -> str:
    """The kind of a channel of bulletins."""
    return channel.partition(":")[0]


#: Those that can be listened to before anything was posted there.
ALWAYS = frozenset({channel_of(LEADERBOARD, WEEK)})


def fixture_bulletin(epoch: int, told: ToldFixture) -> Bulletin:
    """What clients are shown of a fixture."""
    data = msgspec.Raw(msgspec.json.encode(fixture_view(told.fixture)))
    return Bulletin(epoch, channel_of(FIXTURE, told.fixture.id), told.seq, data)


def leaderboard_bulletin(epoch: int, told: ToldBoard) -> Bulletin:
    """What clients are shown of a leaderboard."""
    data = msgspec.Raw(msgspec.json.encode(leaderboard_view(told.board)))
    return Bulletin(epoch, channel_of(LEADERBOARD, told.name), told.seq, data)


class Noticeboard:
    """The newest bulletin of every channel; those of a kind are all of one epoch.

    Attributes:
        unsent: channels whose newest may not be with everybody yet.
    """

    def __init__(self) -> None:
        self.unsent: set[str] = set()
        self._bulletins: dict[str, Bulletin] = {}
        self._epochs: dict[str, int] = {}  # of each kind that was read

    @property
    def known(self) -> Set[str]:
        """The channels there are."""
        return self._bulletins.keys() | ALWAYS

    def newest(self, channel: str) -> Bulletin | None:
        """What a snapshot would show; None while nothing was posted there."""
        return self._bulletins.get(channel)

    def read(self, kind: str, epoch: int, bulletins: Iterable[Bulletin]) -> list[Bulletin]:
        """Take over all of a kind that were read; return those that must be sent anew.

        In another epoch than before that is every one of them, whatever its number.
        """
        before = self._bulletins
        others = {name: each for name, each in before.items() if kind_of(name) != kind}
        now = {each.channel: each for each in bulletins}
        self._bulletins, self._epochs[kind] = others | now, epoch
        changed = [each for name, each in now.items() if not _same(before.get(name), each)]
        self.unsent.update(each.channel for each in changed)
        return changed

    def post(self, bulletin: Bulletin) -> bool:
        """Put a new one up; False if it is old, or of another epoch than what was read."""
        if bulletin.epoch != self._epochs.get(kind_of(bulletin.channel)):
            return False
        before = self._bulletins.get(bulletin.channel)
        if before is not None and bulletin.seq <= before.seq:
            return False
        self._bulletins[bulletin.channel] = bulletin
        self.unsent.add(bulletin.channel)
        return True


def _same(before: Bulletin | None, now: Bulletin) -> bool:
    return before is not None and (before.epoch, before.seq) == (now.epoch, now.seq)


def snapshot(bulletin: Bulletin) -> bytes:
    """*bulletin* as the frame of a snapshot."""
    return replies.snapshot(bulletin.channel, bulletin.epoch, bulletin.seq, bulletin.data)


def update(bulletin: Bulletin) -> bytes:
    """*bulletin* as the frame of an update."""
    return replies.update(bulletin.channel, bulletin.seq, bulletin.data)
