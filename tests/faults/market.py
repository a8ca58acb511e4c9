"""An exchange where nobody trades but those a test sends, and what tests of whole stories need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import redis as redis_module
from touchline.store.keys import Keys
from touchline.store.redis_client import open_redis

from .days import three_at_a_time
from .exchange import Exchange, open_services, reconcile
from .football import Football
from .index import Index
from .person import Person
from .process import Service, request

REPLICAS = ("api-server", "second")
CLUBS = 8
KEYS = Keys()
WATCHER, LISTENER, SWEEPER = "stop-watcher", "margin-reconnect-listener", "margin-backstop-sweeper"
#: Duties that close positions unasked, and the names of their leases.
WATCHERS = {WATCHER: "stop-watcher", SWEEPER: "margin-backstop"}
HELD_MS = 600_000  #: longer than any test takes; it gives them back


class Market:
    """A running exchange without clients.

    Attributes:
        clubs: idx by name.
    """

    def __init__(self, exchange: Exchange, client: redis_module.Redis) -> None:
        self.exchange = exchange
        self.football = Football(exchange, self.replicas)
        self.index = Index(client)
        self.clubs: Mapping[str, int] = {}
        self._redis = client

    @property
    def replicas(self) -> tuple[Service, ...]:
        """Both api-servers."""
        return tuple(self.exchange.services[name] for name in REPLICAS)

    @property
    def hubs(self) -> tuple[Service, ...]:
        """All ws-servers."""
        services = self.exchange.services
        return tuple(services[name] for name in services if name.startswith("ws-server"))

    def person(self, name: str, *, of: Service | None = None) -> Person:
        """A new user, of the first api-server if nothing else is said."""
        return Person(name, (of or self.replicas[0]).url)

    # -- what everybody sees

    def club(self, name: str) -> Any:
        return self._get(f"/v1/instruments/{self.clubs[name]}")

    def numbers(self) -> dict[int, int]:
        """The number of every club's newest price."""
        return {club["idx"]: club["seq"] for club in self._get("/v1/instruments")["data"]}

    def ticks(self, name: str) -> list[Any]:
        """The last thousand prices of a club, oldest first."""
        listed: list[Any] = self._get(f"/v1/instruments/{self.clubs[name]}/ticks?limit=1000")
        return listed["data"]  # type: ignore[call-overload,no-any-return]

    def fixture(self, name: str) -> Any:
        """The match of today of club *name*."""
        return self._get(f"/v1/fixtures?team={self.clubs[name]}")["data"][0]

    def _get(self, path: str) -> Any:
        return request(self.replicas[0].url + path)

    # -- what only the operator sees

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a SELECT finds once Postgres has everything."""
        self.exchange.wait_until_written()
        connection = psycopg2.connect(self.exchange.servers.settings["DATABASE_URL"])
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def events(self, position_id: str) -> list[str]:
        """What the ledger has of a position, in order."""
        of_it = "SELECT kind FROM cfd_events WHERE position_id = %s ORDER BY number"
        return [kind for (kind,) in self.rows(of_it, position_id)]

    def made(self, person: Person) -> int:
        """How many trades and openings the ledger has of *person*."""
        trades, events = (
            self.rows(f"SELECT count(*) FROM {table} WHERE user_id = %s", person.id)[0][0]
            for table in ("trades", "cfd_events")
        )
        return int(trades + events)

    def books_agree(self) -> bool:
        self.exchange.wait_until_written()
        return reconcile(self.exchange.servers) == 0

    # -- what a test does to it

    @contextmanager
    def idle(self, *watchers: str) -> Iterator[None]:
        """Have the leases of *watchers* with a replica that hangs: they close nothing."""
        leases = [KEYS.lease(WATCHERS[name]) for name in watchers]
        for lease in leases:
            self._redis.set(lease, "one that hangs", px=HELD_MS)
        self.exchange.wait(lambda: not any(map(self.exchange.holder, watchers)))
        try:
            yield
        finally:
            self._redis.delete(*leases)


@contextmanager
def open_market(root: Path, *, ws_servers: int = 1) -> Iterator[Market]:
    """Start everything below *root*; yield it when all clubs are listed; stop it."""
    cup = three_at_a_time(root / "cup.json")
    with open_services(root, cup, ws_servers=ws_servers) as exchange:
        client = open_redis(exchange.servers.settings["REDIS_URL"], role="test-market")
        market = Market(exchange, client)
        market.clubs = exchange.wait(lambda: _clubs(market.replicas[0].url))
        yield market
        assert market.books_agree()
        client.close()


def _clubs(api: str) -> dict[str, int]:
    clubs = {club["name"]: club["idx"] for club in request(f"{api}/v1/instruments")["data"]}
    return clubs if len(clubs) == CLUBS else {}
