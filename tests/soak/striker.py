"""Carries the faults out on a running exchange, and lets everything run again."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException

import gevent
from touchline.store.redis_client import open_redis

from tests.faults.exchange import Exchange
from tests.faults.process import Service, request
from tests.faults.servers import POSTGRESQL, VALKEY

from .faults import APIS, Fault, How, Loss, Strike
from .log_tail import LogTail

OPERATOR = {"email": "operator@example.com"}
TOKEN_S = 600.0  #: an operator's token is good for a quarter of an hour
ANSWERED = (OSError, HTTPException, ValueError)


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault as it was: from when to when, on the monotonic clock."""

    fault: Fault
    began_s: float
    ended_s: float


class Striker:
    """Strikes at *exchange*.

    Args:
        tail: the end of Valkey's log, if that is to be lost.

    Attributes:
        struck: what was done.
        missed: what could not be, because who was to be struck was not there just then.
        ended: services that ended without having been killed, with their exit codes.
    """

    def __init__(self, exchange: Exchange, tail: LogTail | None) -> None:
        self._exchange, self._tail = exchange, tail
        self.struck: list[Struck] = []
        self.missed: list[str] = []
        self.ended: list[str] = []
        self._token, self._signed_in_s = "", -TOKEN_S

    def carry_out(self, faults: list[Fault]) -> None:
        """Strike as planned, from now on; nothing is left broken."""
        began_s = time.monotonic()
        for fault in faults:
            gevent.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
            at_s = time.monotonic()
            say(f"{at_s - began_s:7.2f} s  {fault}")
            self._strike(fault)
            self.struck.append(Struck(fault, at_s, time.monotonic()))
        self.look_for_ends()

    def look_for_ends(self) -> None:
        """Note services that ended by themselves, and start them again."""
        for name, service in self._exchange.services.items():
            if service.pid is None:
                self.ended.append(f"{name}: {service.wait()}")
                service.start_again()

    def loosen(self) -> None:
        """Have Valkey sync its log every second only, which is all one may lose by then."""
        client = open_redis(self._exchange.servers.settings["REDIS_URL"], role="soak")
        client.config_set("appendfsync", "everysec")
        client.close()

    def _strike(self, fault: Fault) -> None:
        self.look_for_ends()
        try:
            for strike in fault.strikes:
                gevent.sleep(strike.late_s)
                self._begin(strike)
            gevent.sleep(fault.lasts_s)
        finally:
            for strike in fault.strikes:
                self._end(strike)

    def _begin(self, strike: Strike) -> None:
        if strike.how is How.RESTART:
            self._restart(strike)
        elif strike.target in (VALKEY, POSTGRESQL):
            self._strike_server(strike)
        else:
            service = self._exchange.services[strike.target]
            service.die() if strike.how is How.KILL else service.pause()

    def _strike_server(self, strike: Strike) -> None:
        servers = self._exchange.servers
        match strike.how:
            case How.KILL:
                servers.kill(strike.target)
                self._forget(strike.loss)
            case How.FREEZE:
                servers.pause(strike.target)
            case How.PARENT:
                servers.end(strike.target, signal.SIGKILL)
            case _:
                servers.end(strike.target, signal.SIGQUIT)

    def _forget(self, loss: Loss) -> None:
        if self._tail is not None and loss is Loss.TAIL:
            say(f"           {self._tail.cut()} bytes cut off")
        elif self._tail is not None and loss is Loss.ALL:
            self._tail.wipe()

    def _end(self, strike: Strike) -> None:
        if strike.target in (VALKEY, POSTGRESQL):
            self._exchange.servers.mend()
            if self._tail is not None:
                self.loosen()
        elif strike.how is How.KILL:
            self._exchange.services[strike.target].start_again()
        elif strike.how is How.FREEZE:
            self._exchange.services[strike.target].go_on()

    # -- as an admin

    def make_operator(self) -> None:
        """Give somebody the role that restarts need, from the next sign-in on."""
        request(f"{self._exchange.services['api-server'].url}/v1/auth/dev-login", OPERATOR)
        subprocess.run(
            [sys.executable, "-m", "touchline", "admin", "grant", OPERATOR["email"]],
            env={"PATH": os.environ["PATH"], **self._exchange.servers.settings},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def _restart(self, strike: Strike) -> None:
        service = self._exchange.services[strike.target]
        for api in APIS:
            with suppress(*ANSWERED):
                return self._order(self._exchange.services[api], service, strike.child)
        self.missed.append(str(strike))

    def _order(self, api: Service, service: Service, child: str) -> None:
        if time.monotonic() > self._signed_in_s + TOKEN_S:
            answer = request(f"{api.url}/v1/auth/dev-login", OPERATOR)
            self._token, self._signed_in_s = answer["access_token"], time.monotonic()
        replica = request(f"{service.url}/supervisor")["replica"]
        url = f"{api.url}/v1/admin/actors/{child}/restart"
        request(
            url,
            {"replica": replica},
            Authorization=f"Bearer {self._token}",
            Idempotency_Key=secrets.token_hex(8),
        )


def say(what: str) -> None:
    """Tell whoever watches the run."""
    print(f"{time.strftime('%H:%M:%S')}  {what}", file=sys.stderr, flush=True)
