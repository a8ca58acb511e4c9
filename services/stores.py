"""Opens what a service stands on: Redis, Postgres and the typed stores over them."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis

from ..config import Servers
from ..store.candles import Candles
from ..store.drain import Drain, open_drain
from ..store.fixtures import Fixtures
from ..store.gate import gate
from ..store.hot import Hot
from ..store.keys import Keys
from ..store.lease import Lease
from ..store.ledger import Ledger
from ..store.matches import Matches
from ..store.orders import Orders
from ..store.outbox import Outboxes, open_outboxes
from ..store.positions import Positions
from ..store.postgres import Postgres
from ..store.recovery import Recovery
from ..store.redis_client import open_pubsub_redis, open_redis
from ..store.revocations import Revocations
from ..store.scripts import Scripts
from ..store.sequence import FactSequence
from ..store.sessions import Sessions
from ..store.users import Users

RECOVERY_CONNECTIONS = 4  #: one works, one renews the lease


@dataclass(frozen=True, slots=True)
class Stores:
    """The connections of one service and the stores that share them."""

    #: Who we are among all replicas; also the owner of our leases.
    replica: str
    #: A client for subscriptions alone, behind the same gate as `redis`.
    open_pubsub: Callable[[], redis.Redis]
    #: Shut from a restart of Redis until what it lost is back (`Rehydrating`), unless opened
    #: without a gate.
    redis: redis.Redis
    #: What puts Redis back; its own connections pass the gate.
    recovery: Recovery
    pg: Postgres
    keys: Keys
    hot: Hot
    scripts: Scripts
    ledger: Ledger
    positions: Positions
    outboxes: Outboxes
    facts: FactSequence
    drain: Drain
    orders: Orders
    candles: Candles
    fixtures: Fixtures
    matches: Matches
    users: Users
    sessions: Sessions
    revocations: Revocations

    def lease(self, name: str) -> Lease:
        """The lease of a duty. One a process: its next incarnation goes on holding it."""
        return Lease(
            self.redis, self.keys.lease(name), monotonic=time.monotonic, owner=self.replica
        )

    def close(self) -> None:
        """Close every connection; the last thing a service does."""
        self.pg.close()
        self.recovery.close()
        self.redis.close()


def open_stores(servers: Servers, service: str, *, connections: int, gated: bool = True) -> Stores:
    """Return the stores over *servers*; nothing connects before its first use.

    Args:
        service: shown by the servers in their lists of clients.
        connections: to Postgres, at most; Redis gets its default.
        gated: off for tools that only look, and look at a Redis in any state.
    """
    url, keys = servers.redis_url, Keys(servers.key_tag)
    greeting = gate(keys) if gated else None
    client = open_redis(url, role=service, on_connect=greeting)
    ungated = open_redis(url, role=f"{service}-recovery", connections=RECOVERY_CONNECTIONS)
    pg = Postgres(servers.database_url, size=connections, role=service)
    scripts = Scripts(client, keys)
    # Random as well as named: a host that restarts is another replica.
    replica = f"{socket.gethostname()}-{secrets.token_hex(3)}"
    return Stores(
        replica=replica,
        redis=client,
        open_pubsub=lambda: open_pubsub_redis(url, role=service, on_connect=greeting),
        recovery=Recovery(ungated, keys, pg, monotonic=time.monotonic, owner=replica),
        pg=pg,
        keys=keys,
        hot=Hot(client, keys),
        scripts=scripts,
        ledger=Ledger(pg),
        positions=Positions(pg, client, keys),
        outboxes=open_outboxes(client, keys),
        facts=FactSequence(client, keys),
        drain=open_drain(client, keys, scripts, pg),
        orders=Orders(client, keys, pg),
        candles=Candles(pg),
        fixtures=Fixtures(pg),
        matches=Matches(pg),
        users=Users(pg),
        sessions=Sessions(pg),
        revocations=Revocations(client, keys),
    )
