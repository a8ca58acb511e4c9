"""A trader's hour: thousands of people, a match day, and things that break all the while.

    python -m tests.hour [--users 2000] [--minutes 12] [--speed 72] [--seed 1]

Plays one round of the season of the seed, ten matches on two days and 712 minutes of the calendar,
through `touchline up` on servers as durable as in production, while traders of four moods trade
shares and positions over HTTP and some watch over WebSocket. Children, servers and the process
itself are killed and frozen at random. At the end: everything that was promised is in Postgres
once, the books agree, and every position is either open and unbreached or was closed by the first
tick that breached it, at its price. Exit code 0 if so; if not, the data directory stays.
"""

# ruff: noqa: E402 - patching comes first

from gevent import monkey

monkey.patch_all()

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import gevent
from touchline.matchserver.clock import windows_of
from touchline.matchserver.openfootball import load_openfootball
from touchline.store.postgres import install_wait_callback

from tests.fakes.unlimited import UNLIMITED
from tests.faults.exchange import reconcile
from tests.faults.load import watch
from tests.faults.ports import free_ports
from tests.faults.process import Service
from tests.faults.servers import Servers
from tests.faults.waiting import KILL_S, eventually

from .books import Books
from .faults import Faults
from .round import one_round
from .trader import Prices, Told, Trader
from .wire import Line

READY_S = 120.0
LEVEL_S = 180.0
HELD_S, LEFT_S = 20.0, 10.0  #: a WebSocket, before it is left and before it is opened again
ROUND = "round.json"
MOODS = ("noise", "momentum", "mean-reversion", "herd")


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
    parser.add_argument("--minutes", type=float, default=12.0, help="real minutes")
    parser.add_argument("--speed", type=float, default=72.0, help="of the calendar")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watchers", type=int, default=60, help="with a WebSocket each")
    parser.add_argument("--no-faults", dest="faults", action="store_false")
    return Options(**vars(parser.parse_args()))


def main() -> int:
    chosen = options()
    install_wait_callback()
    root = Path(tempfile.mkdtemp(prefix="touchline-hour-"))
    print(f"data: {root}", file=sys.stderr)
    found = _hour(root, chosen)
    print(json.dumps(found, indent=1, default=str))
    if found["ok"]:
        shutil.rmtree(root)
    return 0 if found["ok"] else 1


def _hour(root: Path, chosen: Options) -> dict[str, Any]:
    """What became of an hour below *root*."""
    with ExitStack() as stack:
        servers = stack.enter_context(Servers(root / "servers"))
        port, ws_port = free_ports(2)
        up = stack.enter_context(_up(root, servers, chosen, port, ws_port))
        eventually(up.is_ready, READY_S, up.said)
        told, line, books = Told(), Line(port), Books(servers.settings)
        prices, faults = Prices(line), Faults(up, servers, chosen.seed)
        lags: list[float] = []
        watching = (_running(books.follow), _running(lambda: _watch_lag(up, lags)))
        with _traders(chosen, prices, told, up.url), watching[0], watching[1]:
            with _running(faults.strike) if chosen.faults else nullcontext():
                gevent.sleep(chosen.minutes * 60)
            eventually(up.is_ready, READY_S, up.said)
        verdict = _verdict(up, servers, books, told)
        if not verdict["ok"]:
            books.keep_ticks(root / "ticks.json")
        late = {
            "lag_s_of_the_watch": _spread(lags),
            "closed_after_s": _lateness(root, chosen, books),
        }
        return _summary(chosen, prices, told, faults) | verdict | late


def _up(root: Path, servers: Servers, chosen: Options, port: int, ws_port: int) -> Service:
    command = [
        *("up", "--data-dir", str(root / "data")),
        *("--matches", str(one_round(root / ROUND, chosen.seed))),
        *("--speed", str(chosen.speed), "--api-port", str(port), "--ws-port", str(ws_port)),
    ]
    env = {**servers.settings, **UNLIMITED}
    return Service(root / "up", f"http://127.0.0.1:{port}", command, env)


@contextmanager
def _traders(chosen: Options, prices: Prices, told: Told, api: str) -> Iterator[None]:
    traders = [
        Trader(f"t{n}", MOODS[n % len(MOODS)], prices.line, prices, told, chosen.seed * 100_000 + n)
        for n in range(chosen.users)
    ]
    doings = [gevent.spawn(prices.watch), *(gevent.spawn(trader.live) for trader in traders)]
    # They sign in as traders do: the same portfolios, watched and left again and again.
    doings += [gevent.spawn(watch, f"t{n}", api, HELD_S, LEFT_S) for n in range(chosen.watchers)]
    try:
        yield
    finally:
        gevent.killall(doings, timeout=KILL_S)


def _watch_lag(up: Service, lags: list[float]) -> None:
    """Note how far stops are behind prices, every few seconds, for ever."""
    while True:
        gevent.sleep(5)
        with suppress(OSError, HTTPException):
            lag = up.detail("stop-watcher").get("lag_s")
            lags += [] if lag is None else [lag]


@contextmanager
def _running(do: Any) -> Iterator[None]:
    doing = gevent.spawn(do)
    try:
        yield
    finally:
        doing.kill()
    doing.get()  # raises what ended it, if that was not the end of the hour


def _verdict(up: Service, servers: Servers, books: Books, told: Told) -> dict[str, Any]:
    traded = books.newest()
    eventually(lambda: books.is_watched(traded), LEVEL_S, books.watched)
    eventually(lambda: up.detail("flusher").get("backlog") == 0, LEVEL_S, up.said)
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


def _summary(chosen: Options, prices: Prices, told: Told, faults: Faults) -> dict[str, Any]:
    line = prices.line
    kinds = Counter(
        "child killed" if what.startswith("child") else what for what in faults.done.elements()
    )
    return {
        "options": chosen,
        "in_play_at_once": prices.in_play,
        "answers": dict(line.statuses),
        "nobody_answered": line.away,
        "refused": dict(told.refused),
        "acknowledged": {"trades": len(told.trades), "events": len(told.events)},
        "pending": len(told.pending),
        "faults": faults.done.total(),
        "kinds_of_faults": dict(kinds),
    }


def _lateness(root: Path, chosen: Options, books: Books) -> dict[str, float]:
    """Real seconds between ticks and the closes they made, while the calendar ran."""
    windows: list[tuple[int, int]] = []
    for start, end in sorted(windows_of(load_openfootball(root / ROUND), chosen.speed)):
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(end, windows[-1][1]))
        else:
            windows.append((start, end))
    return _spread([late / 1000 / chosen.speed for late in books.lateness_ms(windows)])


def _spread(figures: list[float]) -> dict[str, float]:
    ordered, last = sorted(figures), len(figures) - 1
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[int(last * part)], 3) for name, part in at.items() if ordered}


if __name__ == "__main__":
    sys.exit(main())
