"""What the hub of a ws-server shows on `/metrics`.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..actors.hub.bulletins import FIXTURE, LEADERBOARD, kind_of
from ..actors.hub.lobby import Lobby
from ..actors.hub.roster import Client, Roster
from ..http.metrics import Metric, Sample
from .metrics import by_label, single


@dataclass(frozen=True, slots=True)
class Hub:
    """All connections of this replica, and the handshakes that led to them."""

    lobby: Lobby
    handshakes: Counter[str]

    @property
    def shards(self) -> Iterator[tuple[str, Roster]]:
        """The shards by name."""
        names = (shard.name for shard in self.lobby.shards)
        return zip(names, self.lobby.rosters, strict=True)

    def departures(self) -> Counter[str]:
        """Connections that ended, by reason."""
        return sum((roster.departures for roster in self.lobby.rosters), Counter())

    def conflated(self) -> dict[str, int]:
        """Prices that newer ones replaced, by where they waited."""
        board = self.lobby.quotes.board.conflated
        return {"board": board, "connection": self.lobby.traffic.conflated}

    def listening(self) -> Counter[str]:
        """Connections by what they listen to."""
        found = Counter(
            prices=0, all_prices=0, every_tick=0, portfolio=0, fixtures=0, leaderboards=0
        )
        # All but a few have the bits of clubs that are not there yet: a negative number.
        for listens in self.lobby.floor.listens:
            found["prices"] += listens > 0
            found["all_prices"] += listens < 0
        for roster in self.lobby.rosters:
            found["every_tick"] += sum(map(len, roster.ticked.values()))
            found["portfolio"] += sum(map(len, roster.followers.values()))
            found["fixtures"] += len(_listeners(roster, FIXTURE))
            found["leaderboards"] += len(_listeners(roster, LEADERBOARD))
        return found


def _listeners(roster: Roster, kind: str) -> set[Client]:
    """Who listens to any channel of this kind of bulletin."""
    channels = (each for name, each in roster.listeners.items() if kind_of(name) == kind)
    return set().union(*channels)


def _per_shard(hub: Hub) -> Iterator[Sample]:
    return (((name,), len(roster.clients)) for name, roster in hub.shards)


HUB: tuple[Metric[Hub], ...] = (
    Metric(
        "gauge",
        "touchline_hub_connections",
        "WebSockets open now, by shard.",
        _per_shard,
        ("child",),
    ),
    Metric(
        "gauge",
        "touchline_hub_seats",
        "Connections this replica has room for.",
        lambda hub: single(hub.lobby.seats),
    ),
    Metric(
        "gauge",
        "touchline_hub_seats_taken",
        "Seats in use, handshakes under way included.",
        lambda hub: single(hub.lobby.taken),
    ),
    Metric(
        "gauge",
        "touchline_hub_subscriptions",
        "Connections by what they listen to.",
        lambda hub: by_label(hub.listening()),
        ("channel",),
    ),
    Metric(
        "counter",
        "touchline_hub_handshakes_total",
        "Handshakes by what became of them: accepted, or the code of the refusal.",
        lambda hub: by_label(hub.handshakes, "accepted"),
        ("result",),
    ),
    Metric(
        "counter",
        "touchline_hub_departures_total",
        "WebSockets that ended: the close code we sent, or how the client went.",
        lambda hub: by_label(hub.departures(), "by client", "gone", "reset", "1012", "4408"),
        ("reason",),
    ),
    Metric(
        "counter",
        "touchline_hub_messages_sent_total",
        "Messages handed to open connections, those included that wait there.",
        lambda hub: single(hub.lobby.traffic.messages),
    ),
    Metric(
        "counter",
        "touchline_hub_sent_bytes_total",
        "Bytes of WebSocket frames that the kernel took.",
        lambda hub: single(hub.lobby.traffic.bytes),
    ),
    Metric(
        "counter",
        "touchline_hub_conflated_total",
        "Prices replaced by newer ones before they were sent, by where they waited.",
        lambda hub: by_label(hub.conflated()),
        ("where",),
    ),
    Metric(
        "gauge",
        "touchline_presence_users",
        "Users with a connection to this replica.",
        lambda hub: single(sum(len(roster.by_user) for roster in hub.lobby.rosters)),
    ),
    Metric(
        "gauge",
        "touchline_presence_untold",
        "Users who came or went and whose replicas are still to be told.",
        lambda hub: single(len(hub.lobby.transitions)),
    ),
)
