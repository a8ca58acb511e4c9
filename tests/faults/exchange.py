"""A whole exchange in processes, under a light load, and what must hold after every fault."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import gevent
import psycopg2
from touchline.http.keys import new_keypair
from touchline.store.redis_client import open_redis

from tests.fakes.unlimited import UNLIMITED

from .days import IDLE, two_match_days
from .load import Client
from .ports import free_ports
from .process import Service, request
from .seen import Seen
from .servers import Servers
from .unwritten import Unwritten
from .waiting import KILL_S, T, eventually

#: A backoff is 6 s at the longest, an answer that does not come is waited for as long again;
#: the rest is for a machine that is busy with other things.
RECOVERY_S = 60.0
PUSH_S = 2.0  #: then another order is tried: the first may have come before the subscription
BOOT_S = 60.0

#: What service so-and-so is told of where the servers are, given where they are.
Way = Callable[[str, Mapping[str, str]], Mapping[str, str]]


def directly(_service: str, servers: Mapping[str, str]) -> Mapping[str, str]:
    return servers


class Exchange:
    """Two api-servers (the second with a flusher), a ws-server, a flusher, and the feed.

    Args:
        feed: the match server; it is nobody's fault.
        clients: who trade, if anybody does.
    """

    def __init__(
        self,
        servers: Servers,
        services: Mapping[str, Service],
        feed: Service,
        clients: list[Client],
    ):
        self.servers = servers
        self.services = services
        self.feed = feed
        self.clients = clients
        self._told_before: frozenset[str] = frozenset()

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Let the clients trade and listen; all is well when this begins."""
        doing = [gevent.spawn(do) for c in self.clients for do in (c.trade, c.listen)]
        try:
            self.recovers()
            yield
        finally:
            gevent.killall(doing, timeout=KILL_S)

    # -- while something fails

    @contextmanager
    def fault(self) -> Iterator[Seen]:
        """Yield a view of what happens from now on; let everything go on again at the end."""
        self._told_before = frozenset(self._given())
        try:
            yield Seen(self.services, self.clients)
        finally:
            for service in self.services.values():
                service.go_on()
            self.servers.mend()

    def goes_on_for(self, seconds: float) -> None:
        """Let the clients try to trade; the fault itself is what is waited for."""
        gevent.sleep(seconds)

    def holder(self, duty: str) -> Service | None:
        """The service that holds the lease of *duty*, of those that answer."""
        for service in self.services.values():
            if not service.is_paused and service.detail(duty).get("lease"):
                return service
        return None

    def name_of(self, service: Service | None) -> str:
        """The name of one of the services."""
        return next(name for name, each in self.services.items() if each is service)

    # -- afterwards

    def recovers(self) -> None:
        """Wait until all are ready, trades go through and are pushed, and Postgres is level.

        Raises:
            AssertionError: that takes longer than `RECOVERY_S`.
        """
        self.wait(self.is_ready)
        for client in self.clients:
            self.wait(lambda client=client: _is_pushed(client))
        self.wait(self.is_level)

    def wait(self, seen: Callable[[], T], within_s: float = RECOVERY_S) -> T:
        """What *seen* returns once it is true. Raises AssertionError: not within *within_s*."""
        return eventually(seen, within_s, self._state)

    def is_ready(self) -> bool:
        return all(service.is_ready() for service in self.services.values())

    def is_level(self) -> bool:
        """Whether a flusher is at work and had nothing left behind when it last looked."""
        holder = self.holder("flusher")
        return holder is not None and holder.detail("flusher")["backlog"] == 0

    def wait_until_written(self) -> None:
        """Return once Postgres has all that Redis had when this was called."""
        with open_redis(self.servers.settings["REDIS_URL"], role="test-exchange") as client:
            self.wait(Unwritten(client).is_written)

    def has_every_trade_once(self) -> None:
        """Wait until all that was acknowledged is in Postgres, once, and the books agree."""
        answers = self._given()
        given = {key: answer["order_id"] for key, answer in answers.items()}
        self.wait(lambda: given.keys() <= self._trades().keys())
        found = self._trades()
        print(self._figures(answers, found))

        assert {key: found[key] for key in given} == {key: [id_] for key, id_ in given.items()}
        assert [key for key, ids in found.items() if len(ids) > 1] == []
        assert [dict(client.refused) for client in self.clients] == [{}, {}]
        assert [client.hung for client in self.clients] == [0, 0]
        assert reconcile(self.servers) == 0

    def durable_trades_are_there(self) -> None:
        """Check that Postgres has now what clients were told it has."""
        given = [key for key, answer in self._given().items() if answer["durable"] == "postgres"]
        found = self._trades()

        assert [key for key in given if key not in found] == []

    def _figures(self, answers: Mapping[str, Any], found: Mapping[str, list[str]]) -> str:
        """What came of those *answers* that were given since the last fault began."""
        since = {key: a for key, a in answers.items() if key not in self._told_before}
        levels = Counter(answer["durable"] for answer in since.values())
        lost = sum(answer["order_id"] not in found[key] for key, answer in since.items())
        twice = sum(len(found[key]) > 1 for key in since)
        return (
            f"acknowledged: {levels['postgres']} by postgres, {levels['redis']} by redis;"
            f" lost: {lost}; duplicated: {twice}"
        )

    def _given(self) -> dict[str, Any]:
        """Every answer that made a trade, by Idempotency-Key."""
        return {key: answer for c in self.clients for key, answer in c.filled.items()}

    def _trades(self) -> dict[str, list[str]]:
        """Ids of all trades in Postgres by Idempotency-Key."""
        connection = psycopg2.connect(self.servers.settings["DATABASE_URL"])
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT idem_key, array_agg(id::text) FROM trades GROUP BY 1")
                return dict(cursor.fetchall())
        finally:
            connection.close()

    def _state(self) -> dict[str, object]:
        """What to print when something does not recover."""
        return {
            name: (service.pid, service.said()[-20:]) for name, service in self.services.items()
        }


def _is_pushed(client: Client) -> bool:
    answer = client.order()
    if answer is None:
        return False
    with gevent.Timeout(PUSH_S, False):
        while answer["order_id"] not in client.pushed:
            gevent.sleep(0.02)
    return answer["order_id"] in client.pushed


def reconcile(servers: Servers) -> int:
    """The exit code of `touchline reconcile`."""
    done = subprocess.run(
        [sys.executable, "-m", "touchline", "reconcile"],
        env={"PATH": os.environ["PATH"], **servers.settings},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    return done.returncode


@contextmanager
def open_exchange(
    root: Path, way: Way = directly, servers: Servers | None = None, **settings: str
) -> Iterator[Exchange]:
    """Start everything below *root*, with two clients; yield it when they have traded; stop it.

    Args:
        servers: not started yet; new ones below *root* if there are none given.
        settings: of the api-servers.
    """
    cup = two_match_days(root / "cup.json")
    with open_services(root, cup, way, servers, **settings) as exchange:
        yield from _with_clients(exchange)


@contextmanager
def open_services(
    root: Path,
    matches: Path,
    way: Way = directly,
    servers: Servers | None = None,
    *,
    apart: bool = False,
    ws_servers: int = 1,
    **settings: str,
) -> Iterator[Exchange]:
    """Start everything below *root*, with the feed of *matches*; yield it when ready; stop it.

    Args:
        servers: not started yet; new ones below *root* if there are none given.
        apart: the second flusher is a process of its own, and not in the second api-server.
        ws_servers: how many; the first is `ws-server`, the others have a number behind that.
        settings: of the api-servers.
    """
    private_key, public_keys = new_keypair()
    api, second, ws, flush, second_flush, feed, *other_ws = free_ports(5 + ws_servers)
    with ExitStack() as stack:
        servers = stack.enter_context(servers or Servers(root / "servers"))
        common = {"BIND_ADDRESS": "127.0.0.1", "JWT_PUBLIC_KEYS": public_keys}
        api_env = common | _api_settings(private_key, ws=ws, feed=feed) | settings

        def start(name: str, port: int, env: Mapping[str, str], *command: str) -> Service:
            url = f"http://127.0.0.1:{port}"
            env = {**way(name, servers.settings), **env} if env else {}
            return stack.enter_context(Service(root / name, url, command, env))

        arguments = ("--matches", str(matches), "--port", str(feed))
        match_server = start("feed", feed, {}, "match-server", *arguments)
        ws_env = common | {"WS_ALLOWED_ORIGINS": f"http://127.0.0.1:{api}"} | UNLIMITED
        hubs = {f"ws-server{n if n > 1 else ''}": port for n, port in enumerate((ws, *other_ws), 1)}
        services = {
            "flusher": start("flusher", flush, common | {"HEALTH_PORT": str(flush)}, "flusher"),
            **{
                name: start(name, port, ws_env | {"WS_PORT": str(port)}, "ws-server")
                for name, port in hubs.items()
            },
            "api-server": start("api-server", api, api_env | {"API_PORT": str(api)}, "api-server"),
        }
        if not apart:
            _until_ready(services)  # so that the first ones hold the leases
        second_env = api_env | {"API_PORT": str(second), "FLUSHER_EMBEDDED": str(int(not apart))}
        services["second"] = start("second", second, second_env, "api-server")
        if apart:
            flush_env = common | {"HEALTH_PORT": str(second_flush)}
            services["second-flusher"] = start("second-flusher", second_flush, flush_env, "flusher")
        _until_ready(services)
        yield Exchange(servers, services, match_server, [])
        # In the order of a shutdown; none may have to be killed.
        assert [service.stop() for service in reversed(services.values())] == [0] * len(services)


def _api_settings(private_key: str, *, ws: int, feed: int) -> dict[str, str]:
    return {
        "JWT_PRIVATE_KEY": private_key,
        "WS_PUBLIC_URL": f"ws://127.0.0.1:{ws}/ws",
        "SPORTMONKS_URL": f"http://127.0.0.1:{feed}/v3/football",
        "SPORTMONKS_TOKEN": "any",
        "AUTH_DEV": "1",
        "INPLAY_DELAY_MS": "0",
        **UNLIMITED,
    }


def _with_clients(exchange: Exchange) -> Iterator[Exchange]:
    """The exchange once its clients have traded; they rest."""
    first, second = exchange.services["api-server"].url, exchange.services["second"].url
    clubs = eventually(lambda: _idle_clubs(first), BOOT_S, exchange.is_ready)
    exchange.clients += [Client("anna", first, clubs[0]), Client("ben", second, clubs[1])]
    with exchange.trading():
        pass
    yield exchange


def _idle_clubs(api: str) -> list[int]:
    clubs = {club["name"]: club["idx"] for club in request(f"{api}/v1/instruments")["data"]}
    return [clubs[name] for name in IDLE if name in clubs] if len(clubs) == 4 else []


def _until_ready(services: Mapping[str, Service]) -> None:
    for service in services.values():
        eventually(service.is_ready, BOOT_S, service.said)
