"""One soak from the start of the servers to the verdict."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import gevent

from tests import leaks
from tests.faults.days import three_at_a_time
from tests.faults.exchange import Exchange, open_services, reconcile
from tests.faults.load import watch
from tests.faults.process import Service
from tests.faults.waiting import KILL_S
from tests.hour.trader import Prices, Told, Trader

from .audit import Entry, audit
from .books import Books
from .faults import APIS, How, schedule
from .log_tail import LogTail
from .promises import money
from .report import Soak
from .striker import Striker, say
from .ways import Ways

MOODS = ("noise", "momentum", "mean-reversion", "herd")
PAUSE_S = 0.03  #: between two things that a trader does
SIZE = 0.1
WATCHERS = 3  #: traders who have a WebSocket too
WATCH_S = 20.0
CLUBS = 8
SETTLED_S = 60.0
CALM_S = 120.0  #: all services may have been killed at the end, on a machine that is busy
#: How a child may be only while something is away, or soon after.
DOWN = frozenset({"parked", "stuck", "failed", "backoff"})


@dataclass(frozen=True, slots=True)
class Options:
    """What is run."""

    seconds: float
    seed: int
    traders: int
    lossy: bool


def soak(root: Path, chosen: Options, done: Soak) -> None:
    """Run below *root*, and fill in *done* as far as it gets."""
    with open_services(root, three_at_a_time(root / "cup.json"), apart=True) as exchange:
        _Run(root, exchange, chosen, done).go()


class _Run:
    def __init__(self, root: Path, exchange: Exchange, chosen: Options, done: Soak) -> None:
        self._root, self._exchange, self._chosen, self._done = root, exchange, chosen, done
        self._tail = LogTail(root / "servers" / "valkey", Random(chosen.seed))
        self._striker = Striker(exchange, self._tail if chosen.lossy else None)
        urls = [exchange.services[name].url for name in APIS]
        ports = [urlsplit(url).port or 0 for url in urls]
        self._ways = Ways(ports, done.promises, chosen.seed)
        self._books, self._told = Books(exchange.servers.settings), Told()
        self._opening: dict[int, int] = {}

    def go(self) -> None:
        self._prepare()
        with self._all_going():
            self._striker.carry_out(list(self._done.faults))
        self._calm_down()
        self._judge()

    # -- before

    def _prepare(self) -> None:
        chosen, done = self._chosen, self._done
        self._exchange.wait(
            lambda: len(self._ways.ask("GET", "/v1/instruments").body["data"]) == CLUBS
        )
        children = {
            name: sorted({path[-1] for path in service.children()})
            for name, service in self._exchange.services.items()
        }
        done.faults = schedule(chosen.seed, chosen.seconds, children, lossy=chosen.lossy)
        say(f"data: {self._root}")
        say(f"seed {chosen.seed}, {chosen.seconds:g} s, lossy: {chosen.lossy}; planned:")
        for fault in done.faults:
            say(str(fault))
        if any(strike.how is How.RESTART for fault in done.faults for strike in fault.strikes):
            self._striker.make_operator()
        if chosen.lossy:
            self._striker.loosen()
        gevent.joinall(
            [gevent.spawn(self._sign_up, number) for number in range(chosen.traders)],
            raise_error=True,
        )

    def _sign_up(self, number: int) -> None:
        """Have a trader's first balance told."""
        user, bearer = self._ways.sign_in(f"t{number}@example.com")
        account = self._ways.ask("GET", "/v1/account", Authorization=bearer).body
        self._opening[user] = money(account["cash"])

    # -- meanwhile

    @contextmanager
    def _all_going(self) -> Iterator[None]:
        """Let people trade and watch, until all that was planned is done and the time is over."""
        prices, api = Prices(self._ways), self._exchange.services[APIS[0]].url
        traders = [self._trader(number, prices) for number in range(self._chosen.traders)]
        going = [gevent.spawn(doing) for doing in (prices.watch, *(t.live for t in traders))]
        beside = [gevent.spawn(watch, f"t{number}", api, WATCH_S) for number in range(WATCHERS)]
        beside.append(gevent.spawn(self._tail.follow))
        over = gevent.spawn(gevent.sleep, self._chosen.seconds)
        began_s = time.monotonic()
        try:
            yield
            over.join()
        finally:
            self._done.lasted_s = time.monotonic() - began_s
            broken = [repr(each.exception) for each in (*going, *beside) if each.exception]
            gevent.killall(going + beside, timeout=KILL_S)
            self._done.wrong["broke off"] = broken

    def _trader(self, number: int, prices: Prices) -> Trader:
        seed, mood = self._chosen.seed * 1000 + number, MOODS[number % len(MOODS)]
        return Trader(
            f"t{number}", mood, self._ways, prices, self._told, seed, pause_s=PAUSE_S, size=SIZE
        )

    # -- afterwards

    def _calm_down(self) -> None:
        """Return when all runs, everything open is answered, and Postgres is level."""
        wait = self._exchange.wait
        wait(self._exchange.is_ready, CALM_S)
        wait(self._is_level, CALM_S)
        say(f"{len(self._done.promises.open)} requests without an answer")
        self._done.wrong["requests that nobody answers"] = self._ways.ask_again(SETTLED_S)
        wait(self._is_level, CALM_S)
        with suppress(AssertionError):  # who stays down is told by name
            wait(lambda: not self._down(), CALM_S)
        self._striker.look_for_ends()

    def _down(self) -> list[str]:
        """Children that do not run, whether or not their services can do without them."""
        return [
            f"{name}: {'/'.join(path)} is {child['state']}"
            for name, service in self._exchange.services.items()
            for path, child in service.children().items()
            if child["state"] in DOWN
        ]

    def _is_level(self) -> bool:
        return self._exchange.is_level() and self._books.is_level()

    def _judge(self) -> None:
        done, striker = self._done, self._striker
        done.struck, done.missed = striker.struck, striker.missed
        done.requests = self._ways.requests
        done.found = audit(done.promises, self._opening, self._mine(), self._books.purses())
        parked = self._books.parked()
        services = self._exchange.services.values()
        done.wrong |= {
            "answers that differ under one key": done.promises.contradictions,
            "answers nobody should get": self._told.strange,
            "services that ended by themselves": striker.ended,
            "children that are down": self._down(),
            "bugs, by the logs": [line for each in services for line in _alarms(each)],
            "secrets in logs": [
                what for each in services for what in leaks.secrets_in("\n".join(each.said()))
            ],
            "facts that Postgres refuses": [parked] if parked else [],
            "reconcile": ["failed, see above"] if reconcile(self._exchange.servers) else [],
        }

    def _mine(self) -> list[Entry]:
        """The ledger but for the operator, who trades nothing."""
        return [entry for entry in self._books.entries() if entry.user in self._opening]


def _alarms(service: Service) -> Iterator[str]:
    """Lines of its log that call for a person; the last one may have been cut by a kill."""
    for line in service.said():
        with suppress(ValueError):
            said = json.loads(line)
            if said["level"] not in ("info", "warning"):
                yield line
            continue
        yield line
