"""Opens what a service stands on: Redis, Postgres and the typed stores over them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import redis

from ..config import Servers
from ..store.drain import Drain, open_drain
from ..store.fixtures import Fixtures
from ..store.hot import Hot
from ..store.keys import Keys
from ..store.lease import Lease
from ..store.ledger import Ledger
from ..store.matches import Matches
from ..store.outbox import Outbox
from ..store.postgres import Postgres
from ..store.redis_client import open_redis
from ..store.scripts import Scripts
from ..store.users import Users


@dataclass(frozen=True, slots=True)
class Stores:
    """The connections of one service and the stores that share them."""

    redis: redis.Redis
    pg: Postgres
    keys: Keys
    hot: Hot
    scripts: Scripts
    ledger: Ledger
    outbox: Outbox
    drain: Drain
    fixtures: Fixtures
    matches: Matches
    users: Users

    def lease(self, name: str) -> Lease:
        """The lease of a duty. One a process: its next incarnation goes on holding it."""
        return Lease(self.redis, self.keys.lease(name), monotonic=time.monotonic)

    def close(self) -> None:
        """Close every connection; the last thing a service does."""
        self.pg.close()
        self.redis.close()


def open_stores(servers: Servers, service: str, *, connections: int) -> Stores:
    """Return the stores over *servers*; nothing connects before its first use.

    Args:
        service: shown by the servers in their lists of clients.
        connections: to Postgres, at most; Redis gets its default.
    """
    client = open_redis(servers.redis_url, role=service)
    pg = Postgres(servers.database_url, size=connections, role=service)
    keys = Keys(servers.key_tag)
    scripts = Scripts(client, keys)
    return Stores(
        redis=client,
        pg=pg,
        keys=keys,
        hot=Hot(client, keys),
        scripts=scripts,
        ledger=Ledger(pg),
        outbox=Outbox(client, keys.trade_outbox),
        drain=open_drain(client, keys, scripts, pg),
        fixtures=Fixtures(pg),
        matches=Matches(pg),
        users=Users(pg),
    )
