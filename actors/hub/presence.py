"""Tells the other replicas who is connected here, and cleans up after dead ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, assert_never

from ...domain.clock import Calendar
from ...store.presence import Whereabouts
from ..actor import Actor
from .lobby import Lobby
from .messages import BeatDue, PresenceMessage, ReapDue, TransitionsDue

BEAT_S = 3.0  #: a replica counts as dead after four of these
REAP_S = 5.0
BATCH = 256  #: transitions told in one pipeline


class Replicas(Protocol):
    """How the replicas see each other."""

    name: str

    def beat(self, now_ms: int) -> bool:
        """Write the heartbeat; False if the users here have to join again."""

    def tell(self, changes: Sequence[Whereabouts], now_ms: int) -> bool:
        """Tell who came and went; False if this replica has to beat first."""

    def reap(self) -> int:
        """Take users off dead replicas; return how many."""

    def quit(self) -> None:
        """Remove the heartbeat."""


class Presence(Actor[PresenceMessage]):
    """Keeps this replica's presence true: heartbeat, joins, leaves, and reaping the dead.

    Reads the lobby's transitions. Writes `ws:presence:{uid}`, `ws:replicas`,
    `ws:users:{replica}`, `last_seen:{uid}` and publishes `user:reconnect`.
    Holds no lease: the scripts make any order of replicas safe. While it is
    down this replica's users look away to the others after 12 s; it tells
    everything it missed when it is back.
    """

    def __init__(self, replicas: Replicas, lobby: Lobby, calendar: Calendar) -> None:
        super().__init__()
        self._replicas = replicas
        self._lobby = lobby
        self._calendar = calendar

    def started(self) -> None:
        """Beat before anything else: a replica without a heartbeat may not say who is here."""
        self._beat()
        self.every(BEAT_S, BeatDue())
        self.every(REAP_S, ReapDue())

    def receive(self, message: PresenceMessage) -> None:
        """Handle one message."""
        match message:
            case TransitionsDue():
                self._tell()
            case BeatDue():
                self._beat()
            case ReapDue():
                self._replicas.reap()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        """Say that everybody left; the usher, stopped before, has closed the connections."""
        now_ms = self._calendar()
        for user in self._lobby.users():
            self._lobby.transitions.left(user, now_ms)
        leaving = self._lobby.transitions.oldest(len(self._lobby.transitions))
        self._replicas.tell(
            [Whereabouts(change.user, change.left_ms, here=False) for change in leaving], now_ms
        )
        self._lobby.transitions.acknowledge(leaving)
        self._replicas.quit()

    def detail(self) -> Mapping[str, object]:
        """Who this replica is, and how many transitions are not yet told."""
        return {"replica": self._replicas.name, "untold": len(self._lobby.transitions)}

    def _beat(self) -> None:
        if not self._replicas.beat(self._calendar()):
            # New, or thought dead for a while: whoever is here joins (again).
            for user in self._lobby.users():
                self._lobby.transitions.joined(user)
        self._tell()

    def _tell(self) -> None:
        transitions = self._lobby.transitions
        while batch := transitions.oldest(BATCH):
            changes = [
                Whereabouts(change.user, change.left_ms, self._lobby.present(change.user))
                for change in batch
            ]
            if not self._replicas.tell(changes, self._calendar()):
                self.me.tell(BeatDue())
                return
            transitions.acknowledge(batch)
