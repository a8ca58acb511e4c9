"""A trader's hour: thousands of people, a match day, and things that break all the while.

    python -m tests.hour [--users 2000] [--minutes 10] [--speed 10] [--seed 1]

Plays the generated season of the seed through `touchline up` on servers as durable as in
production, while traders of three moods trade shares and positions over HTTP and some watch over
WebSocket. Children, servers and the process itself are killed and frozen at random. At the end:
everything that was promised is in Postgres once, the books agree, and every position is either
open and unbreached or was closed by the first tick that breached it. Exit code 0 if so.
"""

# ruff: noqa: E402 - patching comes first

from gevent import monkey

monkey.patch_all()

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from touchline.store.postgres import install_wait_callback

from tests.faults.exchange import reconcile
from tests.faults.load import Client
from tests.faults.ports import free_ports
from tests.faults.process import Service
from tests.faults.servers import Servers
from tests.faults.waiting import eventually

from .books import Books
from .faults import Faults
from .trader import Prices, Told, Trader
from .wire import Line

READY_S = 120.0
LEVEL_S = 180.0
MOODS = ("noise", "momentum", "mean-reversion")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    users: int
    minutes: float
    speed: float
    seed: int
    watchers: int
    faults: bool


def options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=10.0, help="real minutes")
    parser.add_argument("--speed", type=float, default=10.0, help="of the calendar")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watchers", type=int, default=20, help="with a WebSocket each")
    parser.add_argument("--no-faults", dest="faults", action="store_false")
    return Options(**vars(parser.parse_args()))


def main() -> int:
    chosen = options()
    install_wait_callback()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        servers = stack.enter_context(Servers(Path(directory) / "servers"))
        port, ws_port = free_ports(2)
        up = stack.enter_context(_up(Path(directory), servers, chosen, port, ws_port))
        eventually(up.is_ready, READY_S, up.said)
        told, line = Told(), Line(port)
        faults = Faults(up, servers, chosen.seed)
        with _traders(chosen, line, told, up.url):
            if chosen.faults:
                with _running(faults.strike):
                    gevent.sleep(chosen.minutes * 60)
            else:
                gevent.sleep(chosen.minutes * 60)
            eventually(up.is_ready, READY_S, up.said)
        verdict = _verdict(up, servers, told)
        print(json.dumps(_summary(chosen, line, told, faults) | verdict, indent=1, default=str))
        _keep_log(up)
        return 0 if verdict["ok"] else 1


def _up(root: Path, servers: Servers, chosen: Options, port: int, ws_port: int) -> Service:
    command = [
        *("up", "--data-dir", str(root / "data"), "--season", str(chosen.seed)),
        *("--speed", str(chosen.speed), "--api-port", str(port), "--ws-port", str(ws_port)),
    ]
    return Service(root / "up", f"http://127.0.0.1:{port}", command, servers.settings)


@contextmanager
def _traders(chosen: Options, line: Line, told: Told, api: str) -> Iterator[None]:
    prices = Prices(line)
    traders = [
        Trader(f"t{n}", MOODS[n % len(MOODS)], line, prices, told, chosen.seed * 100_000 + n)
        for n in range(chosen.users)
    ]
    doings = [gevent.spawn(prices.watch), *(gevent.spawn(trader.live) for trader in traders)]
    # They sign in as traders do: the same portfolios, watched and left again and again.
    doings += [gevent.spawn(_watch, f"t{n}", api) for n in range(chosen.watchers)]
    try:
        yield
    finally:
        gevent.killall(doings)


def _watch(name: str, api: str) -> None:
    """Hold a WebSocket for a while, then leave it for a while, for ever."""
    while True:
        try:
            client = Client(name, api, 1)
        except OSError:
            gevent.sleep(1)
            continue
        with gevent.Timeout(20, False):
            client.listen()
        gevent.sleep(10)


@contextmanager
def _running(do: Any) -> Iterator[None]:
    doing = gevent.spawn(do)
    try:
        yield
    finally:
        doing.kill()


def _verdict(up: Service, servers: Servers, told: Told) -> dict[str, Any]:
    eventually(lambda: up.detail("flusher").get("backlog") == 0, LEVEL_S, up.said)
    books = Books(servers.settings)
    eventually(lambda: not books.missing(told) or None, LEVEL_S, lambda: books.missing(told))
    code = up.stop()
    wrongs = list(books.wrongs())
    found = {
        "exit_code": code,
        "missing": books.missing(told),
        "wrong_lives": [f"{wrong.position}: {wrong.what}" for wrong in wrongs[:50]],
        "wrong_lives_count": len(wrongs),
        "reconcile": reconcile(servers),
        "strange": [f"{asked}: {said.status} {said.body}" for asked, said in told.strange[:20]],
        **books.counts(),
    }
    bad = found["missing"] or wrongs or found["reconcile"] or told.strange or code
    return found | {"ok": not bad}


def _summary(chosen: Options, line: Line, told: Told, faults: Faults) -> dict[str, Any]:
    kinds = Counter(" ".join(what.split()[::2]) for what in faults.done.elements())
    return {
        "options": chosen,
        "answers": dict(line.statuses),
        "nobody_answered": line.away,
        "refused": dict(told.refused),
        "acknowledged": {"trades": len(told.trades), "events": len(told.events)},
        "pending": len(told.pending),
        "faults": faults.done.total(),
        "kinds_of_faults": dict(kinds),
    }


def _keep_log(up: Service) -> None:
    path = Path(tempfile.gettempdir()) / "touchline-hour.log"
    path.write_text("\n".join(up.said()))
    print(f"log: {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
