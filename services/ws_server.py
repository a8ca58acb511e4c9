"""The ws-server: keeps the WebSocket connections and pushes prices and portfolios to them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from ..actors.address import Addresses
from ..actors.child import Child
from ..actors.hub.lobby import Lobby, seats_for
from ..actors.hub.presence import Presence
from ..actors.hub.prices import Prices
from ..actors.hub.session_watcher import SessionWatcher
from ..actors.hub.shard import Shard
from ..actors.hub.subscriber import Subscriber
from ..actors.hub.usher import STOP_S, Usher
from ..actors.listener import DRAIN_S, HttpListener
from ..config import WsSettings
from ..domain.clock import Calendar, system_calendar
from ..domain.quota import Rates
from ..http.admission import SocketDeps
from ..http.asyncapi import AsyncApiApp
from ..http.health import HealthApp
from ..http.hosts import ANY, Hosts
from ..http.outside import Network, Outside
from ..http.quotas import Buckets
from ..http.sockets import SocketServerFactory
from ..http.tokens import Verifier
from ..store.one_life import enter_life
from ..store.presence import Replica
from ..store.pubsub import Broadcasts
from ..store.reconnects import Reminders
from ..store.revocations import ended_sessions
from ..store.tickets import Tickets
from .boot import prepare
from .groups import group
from .health import ServiceHealth
from .hub_metrics import HUB, Hub
from .logs import name_process
from .stores import Stores, open_stores
from .supervise import stay, supervise
from .waiting_room import waiting_room

SERVICE = "ws-server"
LISTENER = "ws-listener"
POSTGRES_CONNECTIONS = 1  #: for the health probe; everything else here is in Redis
SHARDS = 8
#: A tick for every instrument many times over: a shard that fell behind drops the oldest.
MAILBOX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the handshake is given: address, keys, who may connect from where, how many.

    *compression*: whether clients may have their messages compressed.
    *proxies*: who is believed when it says who asks.
    *rates*: how often an address may open one.
    *hosts*: by which names it is asked for.
    """

    host: str
    port: int
    public_keys: str
    origins: tuple[str, ...]
    capacity: int
    compression: bool = False
    proxies: tuple[Network, ...] = ()
    rates: Rates = field(default_factory=Rates)
    hosts: Hosts = ANY

    @property
    def outside(self) -> Outside:
        """How it is reached: by https alone where all pages are."""
        https = bool(self.origins) and all(each.startswith("https://") for each in self.origins)
        return Outside(self.proxies, https, self.hosts)


def children(
    stores: Stores,
    addresses: Addresses,
    health: ServiceHealth,
    calendar: Calendar,
    door: Door,
) -> list[Child]:
    """The duties of a ws-server, in the order they start."""
    shards = tuple(addresses.of(f"hub-{n}") for n in range(SHARDS))
    # The connections belong to no actor: a shard that restarts finds them again.
    lobby = Lobby(
        shards,
        addresses.of("prices"),
        addresses.of("subscriber"),
        addresses.of("presence"),
        seats=seats_for(door.capacity),
        calendar=calendar,
        monotonic=time.monotonic,
    )
    replica = Replica(stores.redis, stores.keys, health.identity.replica, time.monotonic)
    entry = SocketDeps(
        lobby,
        Verifier(door.public_keys),
        Tickets(stores.redis, stores.keys),
        door.origins,
        HealthApp(health, AsyncApiApp()),
        door.compression,
        addresses=Buckets(door.rates.handshake_policy),
        outside=door.outside,
    )
    health.metrics.show(lambda: Hub(lobby, entry.handshakes), *HUB)
    open_http = SocketServerFactory(door.host, door.port, entry, health.http_meter(LISTENER))
    return [
        Child("presence", lambda: Presence(replica, lobby)),
        group(
            "hub",
            *(
                Child(shard.name, lambda n=n: Shard(n, lobby, calendar), bound=MAILBOX)  # type: ignore[misc]
                for n, shard in enumerate(shards)
            ),
            Child("prices", lambda: Prices(lobby)),
            Child("subscriber", lambda: _subscriber(stores, lobby), bound=MAILBOX),
        ),
        Child("session-watcher", lambda: _session_watcher(stores, lobby)),
        Child("usher", lambda: Usher(lobby), stop_s=STOP_S),
        Child(LISTENER, lambda: HttpListener(open_http), stop_s=DRAIN_S),
    ]


def run(settings: WsSettings) -> int:
    """Run a ws-server until told to stop; return the exit code of the process."""
    stores = open_stores(settings.servers, SERVICE, connections=POSTGRES_CONNECTIONS)
    addresses, health = Addresses(), ServiceHealth(SERVICE, stores)
    name_process(SERVICE, stores.replica)
    with waiting_room("WS_PORT", settings.host, settings.port, health):
        prepare(stores, health.note)
    door = Door(
        host=settings.host,
        port=settings.port,
        public_keys=settings.public_keys,
        origins=settings.origins,
        capacity=settings.capacity,
        compression=settings.compression,
        proxies=settings.trusted_proxies,
        rates=settings.rates,
        hosts=Hosts(frozenset(settings.allowed_hosts)),
    )
    listed = children(stores, addresses, health, system_calendar, door)
    code = supervise(listed, addresses=addresses, health=health, ready=stay)
    stores.close()
    return code


def _session_watcher(stores: Stores, lobby: Lobby) -> SessionWatcher:
    return SessionWatcher(lambda: ended_sessions(stores.open_pubsub()), stores.revocations, lobby)


def _subscriber(stores: Stores, lobby: Lobby) -> Subscriber:
    remind = Reminders(stores.redis, stores.keys).remind
    enter = partial(enter_life, stores.redis, stores.keys)
    return Subscriber(lambda: Broadcasts(stores.open_pubsub()), enter, lobby, remind)
