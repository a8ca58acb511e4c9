"""Closes the connections of sessions that were ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, assert_never

from ...store.revocations import Ended
from ..actor import Actor
from .close_codes import SESSION_ENDED
from .lobby import Lobby
from .messages import LookDue, SessionEnded, SessionWatcherMessage

LOOK_S = 5.0  #: an end that was not heard of shows after this long at most


class Ends(Protocol):
    """Hears of sessions the moment they are ended."""

    def open(self) -> None:
        """Begin to listen."""

    def messages(self) -> Iterable[Ended]:
        """The sessions, for ever."""

    def close(self) -> None:
        """Give the connection back."""


class Ledger(Protocol):
    """The sessions that were ended lately."""

    def since(self, ms: int | None) -> tuple[int, list[Ended]]:
        """Now, and what ended after *ms*, or of what is known; some of it again."""


class SessionWatcher(Actor[SessionWatcherMessage]):
    """Closes every connection whose session is over, with 4401.

    Duty: who signs out, or is signed out, is out everywhere, and at once.
    Reads: the channel `sess:revoked`, the sorted set of that name, the lobby.
    Writes: the clients' sockets. Lease: none; each replica has its own clients.
    While it is down: no handshake succeeds with the token of such a session; a
    connection that is open stays until this is back, and 12 h at most.
    """

    def __init__(self, open_ends: Callable[[], Ends], ledger: Ledger, lobby: Lobby) -> None:
        super().__init__()
        self._open_ends = open_ends
        self._ledger = ledger
        self._lobby = lobby
        self._ends: Ends
        self._looked_ms: int | None = None
        self._closed = 0

    def started(self) -> None:
        """Listen first, then look: nothing may fall in between."""
        self._ends = self._open_ends()
        self._ends.open()
        self._look()
        self.link(self._read)
        self.every(LOOK_S, LookDue())

    def receive(self, message: SessionWatcherMessage) -> None:
        """Handle one message."""
        match message:
            case SessionEnded(ended):
                self._close(ended)
            case LookDue():
                self._look()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        """Give the connection back."""
        self._ends.close()

    def detail(self) -> Mapping[str, object]:
        """How many connections this incarnation has closed."""
        return {"closed": self._closed}

    def _read(self) -> None:
        try:
            for ended in self._ends.messages():
                self.me.tell(SessionEnded(ended))
        finally:
            self._ends.close()

    def _look(self) -> None:
        self._looked_ms, found = self._ledger.since(self._looked_ms)
        for ended in found:
            self._close(ended)

    def _close(self, ended: Ended) -> None:
        roster = self._lobby.rosters[self._lobby.shard_of(ended.user)]
        for client in tuple(roster.by_user.get(ended.user, ())):
            if client.session == ended.session:
                client.link.close(SESSION_ENDED, "the session has ended")
                self._closed += 1
