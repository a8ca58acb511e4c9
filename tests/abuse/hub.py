"""A ws-server in a process of its own, a market that moves, and honest clients."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import gevent
from touchline.domain.ids import UserId
from touchline.domain.ticks import IndexChange
from touchline.http.keys import new_keypair
from touchline.http.tokens import Signer
from touchline.store.embedded import Embedded
from touchline.store.redis_client import open_redis

from tests.fakes.exchange import ARS, EVE, LEASE, OWNER, TAG, Exchange
from tests.faults.ports import free_ports
from tests.faults.process import Service
from tests.faults.waiting import eventually

from .honest import Honest
from .kinds import Target

HONEST = 20
MOVE_S = 0.05
SOON_S = 60.0  #: for what has to come about by itself
REDIS_CONNECTIONS = 32  #: of a pool, made when they are needed
LISTENING = "0A"
SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


class Hub:
    """A running ws-server and what is told of it."""

    def __init__(self, service: Service, exchange: Exchange, signer: Signer, port: int) -> None:
        self.service = service
        self.exchange = exchange
        self.target = Target(port, signer)
        self.honest = [
            Honest(port, signer.ws_token(user, "session"), user, ticks=user % 2 == 0)
            for user in range(1, HONEST + 1)
        ]
        self._port = port
        self._said = len(service.said())
        self._files = len(links_of(self.pid))

    # -- the market

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Move prices and portfolios all the while."""
        going = gevent.spawn(self._move)
        try:
            yield
        finally:
            going.kill()

    def _move(self) -> None:
        while True:
            for idx in (ARS, EVE):
                change = IndexChange(idx=idx, now_ms=int(time.time() * 1000), heartbeat=True)
                self.exchange.scripts.index_apply(change, LEASE, OWNER)
            for client in self.honest:
                self.exchange.fund(UserId(client.user), 10_000)
            gevent.sleep(MOVE_S)

    # -- what must hold

    def everybody_knows_everything(self) -> None:
        """Wait until all honest clients were told the newest; check that they missed nothing."""
        prices = {f"price:{each.idx}": each.seq for each in self.exchange.hot.instruments()}

        def told() -> bool:
            return all(
                client.newest(channel) == seq
                for client in self.honest
                for channel, seq in (prices | self._portfolio(client)).items()
            )

        eventually(told, SOON_S, lambda: [(c.end, c.missed()) for c in self.honest])
        assert [client.end for client in self.honest] == [""] * HONEST
        assert [client.missed() for client in self.honest] == [[]] * HONEST

    def _portfolio(self, client: Honest) -> dict[str, int]:
        return {"portfolio": self.exchange.hot.portfolio(UserId(client.user)).seq}

    # -- what is left

    @property
    def pid(self) -> int:
        pid = self.service.pid
        assert pid is not None
        return pid

    def memory_kib(self) -> int:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])

    def only_honest_clients_are_left(self) -> None:
        """Wait until nothing is open or taken but for them."""

        def left() -> bool:
            seats = self.metrics()["touchline_hub_seats_taken"]
            return seats == HONEST and self.connections() == HONEST and self._spare_files() <= 0

        eventually(left, SOON_S, lambda: (self.metrics(), self.connections(), self._spare_files()))

    def connections(self) -> int:
        """Sockets on the port, in whatever state, but for those that listen."""
        ours = {link.removeprefix("socket:[").removesuffix("]") for link in links_of(self.pid)}
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        found = (row.split() for row in rows)
        port = f":{self._port:04X}"
        return sum(
            row[1].endswith(port) and row[3] != LISTENING and row[9] in ours for row in found
        )

    def _spare_files(self) -> int:
        """Files open beyond those there were at the beginning, and what a pool may add."""
        return len(links_of(self.pid)) - self._files - REDIS_CONNECTIONS

    def metrics(self) -> Mapping[str, float]:
        """What /metrics says, samples of one name added up."""
        url = f"http://127.0.0.1:{self._port}/metrics"
        request = urllib.request.Request(url, headers={"Connection": "close"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, float] = {}
        for name, value in SAMPLE.findall(text):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def said(self) -> list[dict[str, object]]:
        """What was logged since it was ready. Raises ValueError: no logger of ours wrote it."""
        return [json.loads(line) for line in self.service.said()[self._said :]]


def links_of(pid: int) -> list[str]:
    """What the open files of a process are."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            found.append(os.readlink(fd))
    return found


@contextmanager
def open_hub(root: Path) -> Iterator[Hub]:
    """Start everything below *root*; yield it once all honest clients follow; stop it."""
    private_key, public_keys = new_keypair()
    [port] = free_ports(1)
    with ExitStack() as stack:
        servers = stack.enter_context(Embedded(root / "servers", fsync=False))
        env = {
            "REDIS_URL": servers.redis_url,
            "REDIS_KEY_TAG": TAG,
            "DATABASE_URL": servers.database_url,
            "BIND_ADDRESS": "127.0.0.1",
            "JWT_PUBLIC_KEYS": public_keys,
            "WS_PORT": str(port),
            "WS_ALLOWED_ORIGINS": "https://exchange.example",
            "LIMIT_HANDSHAKES_PER_S": "1000000",  # all clients have one address
        }
        url = f"http://127.0.0.1:{port}"
        service = stack.enter_context(Service(root / "ws-server", url, ["ws-server"], env))
        eventually(service.is_ready, SOON_S, service.said)
        exchange = Exchange(open_redis(servers.redis_url, role="test"))
        exchange.list()
        hub = Hub(service, exchange, Signer(private_key), port)
        with hub.moving():
            eventually(lambda: all(map(knows_all, hub.honest)), SOON_S, service.said)
        yield hub
        for client in hub.honest:
            client.leave()
        assert service.stop() == 0


def knows_all(client: Honest) -> bool:
    return {"price:1", "price:2", "portfolio"} <= client.told.keys()
