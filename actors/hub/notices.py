"""Bulletins to the clients of one shard that listen to their channels.

Works on the shard's roster and noticeboard and sends frames; keeps no state of its own, so it needs
no recovery.

Source: docs/protocol.md, "Fixtures over the socket", "The leaderboard over the socket".
"""

from __future__ import annotations

from ...domain.clock import Monotonic
from .bulletins import Noticeboard, snapshot
from .messages import BulletinPosted, BulletinsRead
from .pace import Pace
from .roster import Roster


class Notices:
    """Carries bulletins to whoever listens."""

    def __init__(self, roster: Roster, noticeboard: Noticeboard, monotonic: Monotonic) -> None:
        self._roster = roster
        self._noticeboard = noticeboard
        self._monotonic = monotonic

    def tell(self, message: BulletinPosted | BulletinsRead) -> None:
        """Send what is new in *message* to those who listen to its channels."""
        pace = Pace(self._monotonic)
        if isinstance(message, BulletinPosted):
            self._post(message, pace)
            return
        for bulletin in self._noticeboard.read(message.kind, message.epoch, message.bulletins):
            if bulletin.channel in self._roster.listeners:
                self._send(bulletin.channel, snapshot(bulletin), pace)

    def _post(self, posted: BulletinPosted, pace: Pace) -> None:
        bulletin = posted.bulletin
        # Who listens to what was gone for a while has seen nothing that this could be behind.
        first = self._noticeboard.newest(bulletin.channel) is None
        if self._noticeboard.post(bulletin):
            self._send(bulletin.channel, snapshot(bulletin) if first else posted.frame, pace)

    def _send(self, channel: str, frame: bytes, pace: Pace) -> None:
        for client in tuple(self._roster.listeners.get(channel, ())):
            client.link.send(frame)
            pace.step()
