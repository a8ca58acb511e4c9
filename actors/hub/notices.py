"""Bulletins to the clients of one shard that listen to their channels.

Works on the shard's roster and noticeboard and sends frames; keeps no state of its own: the
noticeboard remembers what is under way.

Source: docs/protocol.md, "Fixtures over the socket", "The leaderboard over the socket".
"""

from __future__ import annotations

from collections.abc import Iterable

from ...domain.clock import Monotonic
from .bulletins import Bulletin, Noticeboard, snapshot
from .messages import BulletinPosted, BulletinsRead
from .pace import Pace
from .roster import Roster


class Notices:
    """Carries bulletins to whoever listens."""

    def __init__(self, roster: Roster, noticeboard: Noticeboard, monotonic: Monotonic) -> None:
        self._roster = roster
        self._noticeboard = noticeboard
        self._monotonic = monotonic

    def start(self) -> None:
        """Show what a shard that died had not sent to everybody."""
        left = [self._noticeboard.newest(channel) for channel in self._noticeboard.unsent]
        self._show(bulletin for bulletin in left if bulletin is not None)

    def tell(self, message: BulletinPosted | BulletinsRead) -> None:
        """Send what is new in *message* to those who listen to its channels."""
        if isinstance(message, BulletinPosted):
            self._post(message)
        else:
            read = self._noticeboard.read(message.kind, message.epoch, message.bulletins)
            self._show(read)

    def _post(self, posted: BulletinPosted) -> None:
        bulletin = posted.bulletin
        # Who listens to what was gone for a while has seen nothing that this could be behind.
        first = self._noticeboard.newest(bulletin.channel) is None
        if self._noticeboard.post(bulletin):
            frame = snapshot(bulletin) if first else posted.frame
            self._send(bulletin.channel, frame, Pace(self._monotonic))

    def _show(self, bulletins: Iterable[Bulletin]) -> None:
        pace = Pace(self._monotonic)
        for bulletin in bulletins:
            if bulletin.channel in self._roster.listeners:
                self._send(bulletin.channel, snapshot(bulletin), pace)
            else:
                self._noticeboard.unsent.discard(bulletin.channel)

    def _send(self, channel: str, frame: bytes, pace: Pace) -> None:
        for client in tuple(self._roster.listeners.get(channel, ())):
            client.link.send(frame)
            pace.step()
        self._noticeboard.unsent.discard(channel)
