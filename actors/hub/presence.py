"""Tells the other replicas who is connected here, and cleans up after dead ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, assert_never

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

    def beat(self, told_ms: int) -> bool:
        """Write the heartbeat; False if it has to be noted first that everything is told again."""

    def tell(self, changes: Sequence[Whereabouts], now_ms: int) -> bool:
        """Tell who came and went; False if this replica has to beat first."""

    def reap(self) -> int:
        """Take users off dead replicas; return how many."""

    def quit(self) -> None:
        """Remove the heartbeat."""


class Presence(Actor[PresenceMessage]):
    """Keeps this replica's presence true: heartbeat, joins, leaves, and reaping the dead.

    Reads the lobby's transitions. Writes `ws:presence:{uid}`, `ws:replicas`,
    `ws:users:{replica}`, `last_seen:{uid}`, `ws:returns` and publishes
    `user:reconnect`. Holds no lease: the scripts make any order of replicas
    safe. While it is down this replica's users look away to the others after
    12 s; it tells everything it missed when it is back.
    """

    def __init__(self, replicas: Replicas, lobby: Lobby) -> None:
        super().__init__()
        self._replicas = replicas
        self._lobby = lobby

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
        transitions = self._lobby.transitions
        if not self._replicas.beat(self._lobby.told_ms()):  # the last chance to learn of it
            transitions.repeat()
            self._replicas.beat(self._lobby.told_ms())
        now = self._lobby.now()
        for user in self._lobby.users():
            transitions.left(user, now)
        leaving = transitions.oldest(len(transitions))
        gone = [Whereabouts(change.user, change.left, here=False) for change in leaving]
        # Else others have acted on a silence of ours, or will, and find out by the heartbeat.
        if self._replicas.tell(gone, now.ms):
            transitions.acknowledge(leaving, now.at_s)
            self._replicas.quit()

    def detail(self) -> Mapping[str, object]:
        """Who this replica is, and how many transitions are not yet told."""
        return {"replica": self._replicas.name, "untold": len(self._lobby.transitions)}

    def _beat(self) -> None:
        if not self._replicas.beat(self._lobby.told_ms()):
            # Thought dead for a while, or Redis has lost something of ours.
            for user in self._lobby.users():
                self._lobby.transitions.joined(user)
            self._lobby.transitions.repeat()
            self._replicas.beat(self._lobby.told_ms())
        self._tell()

    def _tell(self) -> None:
        transitions = self._lobby.transitions
        while batch := transitions.oldest(BATCH):
            changes = [
                Whereabouts(change.user, change.left, self._lobby.present(change.user))
                for change in batch
            ]
            now = self._lobby.now()
            if not self._replicas.tell(changes, now.ms):
                self.me.tell(BeatDue())
                return
            transitions.acknowledge(batch, now.at_s)
