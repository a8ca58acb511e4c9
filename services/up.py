"""`touchline up`: everything in one process, with a match day to trade on.

A fresh machine's main job: embedded Valkey and PostgreSQL in a data directory,
a match server, and the children of all three services under one root.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gevent.event import Event

from ..actors.address import Addresses
from ..actors.child import Child
from ..actors.feeds.pace import Pace
from ..actors.health import NEEDED
from ..actors.listener import HttpListener
from ..actors.server_reviver import ServerReviver
from ..actors.supervisor import Supervisor
from ..config import OUTBOX_MAX, GoogleSettings, Servers
from ..domain.bots import BotTerms
from ..domain.quota import Rates
from ..http.hosts import Hosts, hosts_of
from ..http.keys import public_jwks
from ..issuer import server as issuer
from ..issuer.server import Issuer
from ..matchserver.clock import WarpClock, windows_of
from ..matchserver.faults import FaultPlan
from ..matchserver.matches import Season
from ..matchserver.server import MatchServer
from ..store.embedded import Embedded
from ..store.sportmonks import Sportmonks
from . import api_server, course, data_dir, flusher, ws_server
from .boot import prepare, rehydrator
from .data_dir import UpRefused
from .google import Google
from .health import ServiceHealth
from .logs import name_process
from .ports import held_port
from .stores import Stores, open_stores
from .supervise import supervise

HOST = "127.0.0.1"
FLUSH_INTERVAL_S = 0.1
INPLAY_DELAY_MS = 5_000  #: of the calendar, as by default where the services run apart
POSTGRES_CONNECTIONS = 14
RECOVERY_S = 300.0  #: both servers after a crash, each within its own two minutes
MATCH_SERVER_TOKEN = "touchline-up"  # noqa: S105 — the match server is our own and on loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """The command line, parsed."""

    data_dir: Path
    season: Season
    speed: float
    api_port: int
    ws_port: int
    until_finished: bool
    rates: Rates = field(default_factory=Rates)
    faults: FaultPlan = field(default_factory=FaultPlan)
    bots: BotTerms | None = None


def run(options: UpOptions, external: Servers | None) -> int:
    """Run until told to stop, or until the season is over; return the exit code.

    Args:
        external: servers to use instead of embedded ones.

    Raises:
        UpRefused: the data directory holds another season, or a port is taken.
        EmbeddedError: the embedded servers cannot run; its text says why.
    """
    if options.api_port == options.ws_port != 0:
        raise UpRefused(f"--api-port and --ws-port are both {options.api_port}")
    with ExitStack() as held:
        ports = [
            held.enter_context(held_port(HOST, wanted))
            for wanted in (options.api_port, options.ws_port, 0, 0)
        ]
        data_dir.claim(options.data_dir, options.season)
        servers, keepers = held.enter_context(_servers(options.data_dir, external))
        stores = open_stores(servers, "up", connections=POSTGRES_CONNECTIONS)
        health = ServiceHealth("up", stores, NEEDED)
        name_process("up", stores.replica)
        prepare(stores, alone=external is None)
        if external is None:
            # The lock on the data directory proves that their holders are gone.
            course.forget_leases(stores)
        code = _play(options, ports, stores, health, keepers)
        stores.close()
    return code


def _match_server(season: Season, clock: WarpClock, port: int) -> MatchServer:
    return MatchServer(season, clock, port=port, token=MATCH_SERVER_TOKEN, advance=clock.advance)


def _play(
    options: UpOptions,
    ports: Sequence[int],
    stores: Stores,
    health: ServiceHealth,
    keepers: list[Child],
) -> int:
    season, speed = options.season, options.speed
    windows = windows_of(season, speed, options.faults.lies)
    # It stands still until everything runs: at the highest speeds a boot would
    # take longer than the first round of matches.
    clock = WarpClock(windows, 0, time.monotonic, course.latest_instant(stores))
    stage = _Stage(
        options=options,
        api_port=ports[0],
        ws_port=ports[1],
        private_key=data_dir.private_key(options.data_dir),
        stores=stores,
        addresses=Addresses(),
        health=health,
        clock=clock,
        match_server=_match_server(season, clock, ports[2]),
        issuer=Issuer(port=ports[3]),
    )
    stage.match_server.follow(options.faults)
    finished: list[bool] = []

    def ready(told: Event) -> int | None:
        course.wait_for_listing(stores, season, told)
        clock.run_at(speed)
        stage.announce()
        if not options.until_finished:
            return None
        finished.append(course.wait_for_season(stores, season, told))
        if finished == [True]:
            course.wait_for_the_rest(stores, season, clock, told)
        return 0

    listed = [*keepers, *children(stage)]
    code = supervise(listed, addresses=stage.addresses, health=stage.health, ready=ready)
    course.drain(stores)
    if code == 0 and finished == [True]:
        summary = course.summary(stores, season)
        print(json.dumps(summary, ensure_ascii=False), flush=True)
        return 0 if summary["right"] else 1
    return code


def children(stage: _Stage) -> list[Child]:
    """A match server, an issuer and the three services, each under a supervisor of its own."""
    stores, addresses, health, clock = stage.stores, stage.addresses, stage.health, stage.clock
    pace, feed = Pace.at(stage.options.speed), stage.open_feed
    drains = flusher.children(stores, health, FLUSH_INTERVAL_S, clock)
    sockets = ws_server.children(stores, addresses, health, clock, stage.door())
    api = api_server.children(stores, addresses, health, clock, pace, feed, stage.front())
    return [
        rehydrator(stores),
        Child("match-server", lambda: HttpListener(stage.open_matches)),
        Child("issuer", lambda: HttpListener(stage.open_issuer)),
        Child(flusher.SERVICE + "-service", lambda: Supervisor(drains)),
        Child(ws_server.SERVICE, lambda: Supervisor(sockets)),
        Child(api_server.SERVICE, lambda: Supervisor(api)),
    ]


def page_origins(api_port: int) -> tuple[str, ...]:
    """Origins of the page, under both names of this machine."""
    # Browsers leave out the port that the scheme implies.
    port = "" if api_port == 80 else f":{api_port}"
    return tuple(f"http://{host}{port}" for host in (HOST, "localhost"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """What one run is made of, and what its services are given of it."""

    options: UpOptions
    api_port: int
    ws_port: int
    private_key: str
    stores: Stores
    addresses: Addresses
    health: ServiceHealth
    clock: WarpClock
    match_server: MatchServer
    issuer: Issuer

    def front(self) -> api_server.Front:
        return api_server.Front(
            host=HOST,
            port=self.api_port,
            private_key=self.private_key,
            public_keys=public_jwks(self.private_key),
            ws_url=lambda: f"ws://{HOST}:{self.ws_port}/ws",
            inplay_delay_ms=INPLAY_DELAY_MS,
            outbox_max=OUTBOX_MAX,
            auth_dev=True,
            public_origins=page_origins(self.api_port),
            rates=self.options.rates,
            google=Google(self._google()),
            hosts=self._hosts(),
            bots=self.options.bots,
        )

    def _hosts(self) -> Hosts:
        # Of this machine alone: the page of another site, whatever its name leads to, is nobody.
        return hosts_of(page_origins(self.api_port), health_too=True)

    def _google(self) -> GoogleSettings:
        url = self.issuer.url
        return GoogleSettings(
            client_ids=("touchline-up",),
            client_secret="touchline-up",  # noqa: S106 — the issuer is our own and on loopback
            origins=page_origins(self.api_port),
            domains=(),
            issuers=(issuer.NAME,),
            keys_url=url + issuer.KEYS,
            auth_url=url + issuer.AUTH,
            token_url=url + issuer.TOKEN,
        )

    def door(self) -> ws_server.Door:
        return ws_server.Door(
            host=HOST,
            port=self.ws_port,
            public_keys=public_jwks(self.private_key),
            origins=page_origins(self.api_port),
            capacity=20_000,
            hosts=self._hosts(),
            rates=self.options.rates,
        )

    def open_feed(self) -> Sportmonks:
        return Sportmonks(self.match_server.base_url, MATCH_SERVER_TOKEN)

    def open_matches(self) -> MatchServer:
        self.match_server.start()
        return self.match_server

    def open_issuer(self) -> Issuer:
        self.issuer.start()
        return self.issuer

    def announce(self) -> None:
        print(f"  page and API  http://{HOST}:{self.api_port}/")
        print(f"  WebSocket     ws://{HOST}:{self.ws_port}/ws")
        print(f"  health        http://{HOST}:{self.api_port}/supervisor")
        print(f"  match server  {self.match_server.base_url}")
        print(f"  sign-in       {self.issuer.url}{issuer.AUTH} stands in for Google")
        print(f"  data          {self.options.data_dir.resolve()}")
        named = self.options.season.name
        print(f"Touchline is ready: {named} at speed {self.options.speed:g}.", flush=True)


@contextmanager
def _servers(root: Path, external: Servers | None) -> Iterator[tuple[Servers, list[Child]]]:
    """The servers to use, and the child that keeps them alive where they are ours."""
    if external is not None:
        yield external, []
        return
    with Embedded(root) as embedded:
        # A server that recovers may take its whole start deadline.
        keeper = Child("server-reviver", lambda: ServerReviver(embedded.revive), stuck_s=RECOVERY_S)
        yield Servers(embedded.redis_url, embedded.database_url, ""), [keeper]
