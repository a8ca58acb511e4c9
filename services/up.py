"""`touchline up`: everything in one process, with a match day to trade on.

A fresh machine's main job: embedded Valkey and PostgreSQL in a data directory,
a match server, and the children of all three services under one root.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gevent.event import Event

from ..actors.address import Addresses
from ..actors.child import Child
from ..actors.feeds.pace import Pace
from ..actors.listener import HttpListener
from ..actors.server_reviver import ServerReviver
from ..actors.supervisor import Supervisor
from ..config import Servers
from ..http.keys import new_keypair, public_jwks
from ..matchserver.clock import WarpClock, windows_of
from ..matchserver.matches import Season
from ..matchserver.server import MatchServer
from ..store.embedded import Embedded
from ..store.sportmonks import Sportmonks
from . import api_server, course, flusher, ws_server
from .boot import prepare
from .health import ServiceHealth
from .stores import Stores, open_stores
from .supervise import supervise

HOST = "127.0.0.1"
FLUSH_INTERVAL_S = 0.1
POSTGRES_CONNECTIONS = 12
MATCH_SERVER_TOKEN = "touchline-up"  # noqa: S105 — the match server is our own and on loopback


class UpRefused(Exception):
    """`touchline up` cannot run as asked; the text is the one line to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """The command line, parsed."""

    data_dir: Path
    season: Season
    speed: float
    api_port: int
    ws_port: int
    until_finished: bool


def run(options: UpOptions, external: Servers | None) -> int:
    """Run until told to stop, or until the season is over; return the exit code.

    Args:
        external: servers to use instead of embedded ones.

    Raises:
        UpRefused: the data directory holds another season, or a port is taken.
        EmbeddedError: the embedded servers cannot run; its text says why.
    """
    options.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _claim_for_season(options.data_dir, options.season)
    with _servers(options.data_dir, external) as (servers, keepers):
        stores = open_stores(servers, "up", connections=POSTGRES_CONNECTIONS)
        prepare(stores)
        code = _play(options, servers, stores, keepers)
        stores.close()
    return code


def _play(options: UpOptions, servers: Servers, stores: Stores, keepers: list[Child]) -> int:
    season, speed = options.season, options.speed
    ports = _port(options.api_port), _port(options.ws_port)
    clock = WarpClock(
        windows_of(season, speed), speed, time.monotonic, course.latest_instant(stores)
    )
    match_server = MatchServer(season, clock, token=MATCH_SERVER_TOKEN, advance=clock.advance)
    addresses, health = Addresses(), ServiceHealth("up", stores)
    finished: list[bool] = []

    def ready(told: Event) -> int | None:
        course.wait_for_clubs(stores, told)
        _announce(options, ports, match_server)
        if not options.until_finished:
            return None
        finished.append(course.wait_for_season(stores, season, told))
        return 0

    listed = children(options, ports, servers, stores, addresses, health, clock, match_server)
    code = supervise([*keepers, *listed], addresses=addresses, health=health, ready=ready)
    course.drain(stores)
    if code == 0 and finished == [True]:
        summary = course.summary(stores)
        print(json.dumps(summary, ensure_ascii=False), flush=True)
        return 0 if summary["reconcile"] == "ok" else 1
    return code


def children(
    options: UpOptions,
    ports: tuple[int, int],
    servers: Servers,
    stores: Stores,
    addresses: Addresses,
    health: ServiceHealth,
    clock: WarpClock,
    match_server: MatchServer,
) -> list[Child]:
    """A match server and the three services, each under a supervisor of its own."""
    api_port, ws_port = ports
    private_key = _private_key(options.data_dir)
    public_keys = public_jwks(private_key)
    origins = tuple(f"http://{host}:{api_port}" for host in (HOST, "localhost"))
    pace = Pace.at(options.speed)
    front = api_server.Front(
        host=HOST,
        port=api_port,
        private_key=private_key,
        public_keys=public_keys,
        ws_url=lambda: f"ws://{HOST}:{ws_port}/ws",
        auth_dev=True,
    )
    door = ws_server.Door(
        host=HOST, port=ws_port, public_keys=public_keys, origins=origins, capacity=20_000
    )
    drains = flusher.children(stores, FLUSH_INTERVAL_S)
    sockets = ws_server.children(stores, servers.redis_url, addresses, health, clock, door)
    api = api_server.children(
        stores,
        addresses,
        health,
        clock,
        pace,
        lambda: Sportmonks(match_server.base_url, MATCH_SERVER_TOKEN),
        front,
    )

    def open_matches() -> MatchServer:
        match_server.start()
        return match_server

    return [
        Child("match-server", lambda: HttpListener(open_matches)),
        Child(flusher.SERVICE + "-service", lambda: Supervisor(drains)),
        Child(ws_server.SERVICE, lambda: Supervisor(sockets)),
        Child(api_server.SERVICE, lambda: Supervisor(api)),
    ]


@contextmanager
def _servers(data_dir: Path, external: Servers | None) -> Iterator[tuple[Servers, list[Child]]]:
    """The servers to use, and the child that keeps them alive where they are ours."""
    if external is not None:
        yield external, []
        return
    with Embedded(data_dir) as embedded:
        keeper = Child("server-reviver", lambda: ServerReviver(embedded.revive))
        yield Servers(embedded.redis_url, embedded.database_url, ""), [keeper]


def _claim_for_season(data_dir: Path, season: Season) -> None:
    """Remember which season *data_dir* belongs to; refuse another one."""
    claim = data_dir / "season"
    if claim.exists():
        kept = claim.read_text(encoding="utf-8").split("\n")
        if kept[0] != season.digest:
            raise UpRefused(
                f"{data_dir} holds {kept[1]!r}; choose another --data-dir for {season.name!r}"
            )
        return
    claim.write_text(f"{season.digest}\n{season.name}\n", encoding="utf-8")


def _private_key(data_dir: Path) -> str:
    """The signing key of this data directory, made at the first start."""
    path = data_dir / "jwt_private_key.pem"
    if not path.exists():
        made = path.with_suffix(".new")
        made.write_text(new_keypair()[0], encoding="utf-8")
        made.chmod(0o600)
        os.replace(made, path)
    return path.read_text(encoding="utf-8")


def _port(wanted: int) -> int:
    """*wanted* if it is free, any free one for 0. Raises UpRefused."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as why:
            raise UpRefused(f"port {wanted} on {HOST}: {why.strerror}") from None
        return int(probe.getsockname()[1])


def _announce(options: UpOptions, ports: tuple[int, int], match_server: MatchServer) -> None:
    api_port, ws_port = ports
    print(f"  page and API  http://{HOST}:{api_port}/")
    print(f"  WebSocket     ws://{HOST}:{ws_port}/ws")
    print(f"  health        http://{HOST}:{api_port}/supervisor")
    print(f"  match server  {match_server.base_url}")
    print(f"  data          {options.data_dir.resolve()}")
    print(f"Touchline is ready: {options.season.name} at speed {options.speed:g}.", flush=True)
